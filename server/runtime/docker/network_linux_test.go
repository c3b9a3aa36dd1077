package docker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// The networks of tasks on an engine that has a world round it.
func TestNetworks(t *testing.T) {
	w := netlab.NewWorld(t)
	e, err := New(Config{Host: w.Engine, Agent: runtimetest.BuildAgent(t), Home: t.TempDir(), Node: "test-networks", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := NewRuntime(e)
	makeImage(t, e, testImage, nil)
	t.Run("what they reach", func(t *testing.T) { networksReach(t, r) })
	t.Run("what is said of them", func(t *testing.T) { networksProbed(t, r) })
	t.Run("a holder is not left", func(t *testing.T) { holderIsNotLeft(t, r) })
}

func networksReach(t *testing.T, r *Runtime) {
	greet := func(addr string) string {
		return "busybox nc -w 2 " + addr + " 80 </dev/null 2>/dev/null || echo no; "
	}
	script := greet(netlab.Internet[0]) + greet(netlab.Machine[0]) + greet(netlab.LAN) + "hostname; cat /etc/resolv.conf"
	for on, want := range map[api.GuestNetwork]string{
		"":                "no\nno\nno\nsandbox\nnameserver 127.0.0.1\n",
		api.GuestNone:     "no\nno\nno\nsandbox\nnameserver 127.0.0.1\n",
		api.GuestFiltered: "hellono\nno\nsandbox\nnameserver 1.1.1.1\nnameserver 9.9.9.9\n",
		api.GuestOpen:     "hellohellohellosandbox\n",
	} {
		spec := runtime.Spec{ID: "01NET", Lease: "01LEASE", Borrower: "peer", Image: testImage, Network: on}
		sb, err := r.Open(t.Context(), spec)
		if err != nil {
			t.Fatalf("%s: %v", on, err)
		}
		var out strings.Builder
		if _, err := sb.Exec(t.Context(), runtime.Command{Args: []string{"sh", "-c", script}}, runtime.Streams{Stdout: &out}); err != nil {
			t.Errorf("%s: %v", on, err)
		}
		if got := out.String(); got != want && (on != api.GuestOpen || !strings.HasPrefix(got, want)) {
			t.Errorf("network %q: %q", on, got)
		}
		got, err := r.api.ContainerInspect(t.Context(), r.holder(spec.ID), client.ContainerInspectOptions{})
		if (err == nil) != (on == api.GuestFiltered) {
			t.Errorf("network %q: its holder: %v", on, err)
		} else if err == nil && (got.Container.Config.Labels[LabelBorrower] != "peer" || got.Container.Config.Labels[LabelLease] != "01LEASE") {
			t.Errorf("labels of the holder: %v", got.Container.Config.Labels)
		}
		if err := sb.Close(t.Context()); err != nil {
			t.Error(err)
		}
		left(t, r)
	}
	if _, err := r.Open(t.Context(), runtime.Spec{ID: "01NET", Image: testImage, Network: "lan"}); api.KindOf(err) != api.KindUnsupported {
		t.Errorf("a network that there is not: %v", err)
	}
	left(t, r)
}

// An engine whose guests would pass no filter says so, and gives none.
func networksProbed(t *testing.T, r *Runtime) {
	info, err := r.Probe(t.Context())
	if err != nil || !slices.Equal(info.Networks, []api.GuestNetwork{api.GuestFiltered, api.GuestOpen}) {
		t.Errorf("%+v, %v", info, err)
	}
	cfg := r.cfg
	cfg.Class = "runsc"
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	past := func(s string) bool {
		return strings.Contains(s, `a filtered network for guests: containers of the runtime "runsc" may send past the kernel's packet filter`)
	}
	info, err = NewRuntime(e).Probe(t.Context())
	if err != nil || !slices.Equal(info.Networks, []api.GuestNetwork{api.GuestOpen}) || !slices.ContainsFunc(info.Missing, past) {
		t.Errorf("under runsc: %+v, %v", info, err)
	}
	_, err = NewRuntime(e).Open(t.Context(), runtime.Spec{ID: "01PAST", Image: testImage, Network: api.GuestFiltered})
	if api.KindOf(err) != api.KindUnsupported || !strings.Contains(err.Error(), "may send past") {
		t.Errorf("opened under runsc: %v", err)
	}
	left(t, r)
}

// What held a guest's network goes with the guest's container, and after kill -9
// of the node with all else.
func holderIsNotLeft(t *testing.T, r *Runtime) {
	spec := runtime.Spec{ID: "01HELD", Image: testImage, Network: api.GuestFiltered}
	sb, err := r.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close(context.Background()) //nolint:errcheck // gone already
	first, err := r.api.ContainerInspect(t.Context(), r.holder(spec.ID), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	go func() {
		<-began
		if _, err := r.api.ContainerRemove(context.Background(), r.name(spec.ID), client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	cmd := runtime.Command{Args: []string{"sh", "-c", "echo begun; sleep 1000"}}
	if _, err := sb.Exec(t.Context(), cmd, runtime.Streams{Stdout: begins(func() { close(began) })}); api.KindOf(err) != api.KindLost {
		t.Errorf("exec ended with %v", err)
	}
	if res, err := sb.Exec(t.Context(), runtime.Command{Args: []string{"true"}}, runtime.Streams{}); err != nil || !res.Exit.OK() {
		t.Errorf("afterwards: %+v %v", res.Exit, err)
	}
	second, err := r.api.ContainerInspect(t.Context(), r.holder(spec.ID), client.ContainerInspectOptions{})
	if err != nil || second.Container.ID == first.Container.ID {
		t.Errorf("the holder is the old one, or none: %v", err)
	}
	if _, err := NewRuntime(r.Engine).Recover(t.Context()); err != nil { // this node's after a kill -9
		t.Fatal(err)
	}
	left(t, r)
}
