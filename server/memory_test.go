package server_test

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/server/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) server.Store { return &server.Memory{} })
}
