//go:build !linux

package session

import (
	"errors"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// Main runs nothing here: containers are Linux.
func Main(mode string, _ []string) (int, error) {
	return 0, errors.New("mode " + mode + " runs inside containers, which are Linux")
}

const openNonblock = 0

func isReadOnly(error) bool { return false }

func (g *guest) exec(session.Request) error {
	return api.Errorf(api.KindUnsupported, "sessions run on Linux")
}

// act needs nobody else's rights here: nothing calls it.
func (a account) act(fn func() error) error { return fn() }

func readMain() (session.Main, error) { return session.Main{}, nil }
