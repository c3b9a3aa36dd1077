//go:build cgo && !windows

package lib

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// A node that ended by itself can be started again; one that runs cannot.
func TestStartAgain(t *testing.T) {
	t.Setenv("P2PRC_HOSTS", "127.0.0.1")
	home, err := os.MkdirTemp("", "p2prc") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	n := newNode()
	text, err := json.Marshal(map[string]any{"home": home, "config": map[string]any{"mdns": false, "port_mapping": false, "lend": map[string]any{"enabled": false}}})
	if err == nil {
		err = configure(n, text)
	}
	if err == nil {
		err = start(n)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := start(n); api.KindOf(err) != api.KindConflict {
		t.Errorf("started twice: %v", err)
	}
	node := nodes.all[n].node
	if err := node.Client.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-node.Done()
	if err := start(n); err != nil {
		t.Errorf("started after its end: %v", err)
	}
	if err := closeNode(n); err != nil {
		t.Error(err)
	}
}
