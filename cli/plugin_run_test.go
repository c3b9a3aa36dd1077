package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/plugin"
)

// A run on one container leaves the others' ports as they were given, and forgets only
// containers that are no more.
func TestGivePortsKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "ports.json")
	if err := os.WriteFile(book, []byte(`{"one":{"web":[80]},"two":{"web":[81]},"gone":{"web":[82]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := api.Container{ID: "one", Name: "a"}, api.Container{ID: "two", Name: "b"}
	hosts, failed, err := givePorts(t.Context(), nil, plugin.Open(dir), plugin.Plugin{Name: "other"}, []api.Container{one}, []api.Container{one, two})
	if err != nil || len(hosts) != 1 || len(failed) != 0 {
		t.Fatal(hosts, failed, err)
	}
	b, err := os.ReadFile(book)
	var given map[string]map[string][]int
	if err == nil {
		err = json.Unmarshal(b, &given)
	}
	if err != nil || len(given) != 2 || given["one"]["web"][0] != 80 || given["two"]["web"][0] != 81 {
		t.Errorf("%s, %v", b, err)
	}
}
