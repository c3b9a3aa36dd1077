//go:build !linux

package agent

import "os"

// seal recognizes nothing here: the folder is made anew for every task.
type seal struct{}

func newSeal(_, _ *os.Root) (*seal, error) { return &seal{}, nil }

func (*seal) close() {}

func (*seal) whole(bool) bool { return false }
