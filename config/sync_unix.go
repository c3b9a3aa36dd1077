//go:build !windows

package config

import (
	"errors"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
