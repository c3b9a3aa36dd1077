package node

import (
	"reflect"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestDoctorSaysWhichLentRuntimesDoNotWork(t *testing.T) {
	got := runtimeFindings([]api.RuntimeInfo{
		{Name: api.RuntimeDocker, Enabled: true, Missing: []string{"no engine: start docker"}},
		{Name: api.RuntimeProcess, Available: true},
		{Name: api.RuntimeWasm, Enabled: true, Available: true},
	}, false)
	want := []api.Finding{{Name: "docker", Note: true, Msg: "lent as soon as it works here", Advice: "no engine: start docker"}, {Name: "wasm", OK: true, Msg: "lent"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	got = runtimeFindings([]api.RuntimeInfo{{Name: api.RuntimeWasm, Enabled: true, Available: true}}, true)
	if len(got) != 2 || !got[0].Note || got[0].Msg != "this machine is still being looked at" || got[1].Name != "wasm" {
		t.Errorf("of a node that just started: %+v", got)
	}
}
