package node

import (
	"context"
	"reflect"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// unhurried is probed when it is let.
type unhurried struct {
	fakeRuntime
	let chan struct{}
}

func (u unhurried) Probe(ctx context.Context) (api.RuntimeInfo, error) {
	<-u.let
	return u.fakeRuntime.Probe(ctx)
}

// While a node finds out what it can lend, others know that.
func TestOthersKnowWhileTheMachineIsLookedAt(t *testing.T) {
	rt := unhurried{fakeRuntime{api.RuntimeWasm}, make(chan struct{})}
	opts := options(t, "bert")
	opts.runtimes = []runtime.Runtime{rt}
	anna, _ := start(t, options(t, "anna"))
	bert, _ := start(t, opts)
	join(t, anna, bert, api.RoleMember)
	if p, _ := anna.net.Peer(bert.ID()); !p.Looking || p.Lending != api.LendOff {
		t.Errorf("looking: %v, lending: %s", p.Looking, p.Lending)
	}
	close(rt.let)
	waitFor(t, anna, "what bert lends", func() bool {
		p, _ := anna.net.Peer(bert.ID())
		return !p.Looking && p.Lending == api.LendOpen
	})
}

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
