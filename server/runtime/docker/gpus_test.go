package docker

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// A GPU is one container's alone, whoever asks at the same time, and free again
// when that container is removed; an engine that cannot give any says so.
func TestGPUsAreExclusive(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	r.cfg.GPUs = func() []string { return []string{"GPU-a", "GPU-b", "GPU-c"} }
	ctx := t.Context()
	makeImage(t, r.Engine, "p2prc-test/gpus:latest", nil)
	img, err := r.Image(ctx, "p2prc-test/gpus:latest")
	if err != nil {
		t.Fatal(err)
	}
	box := func(id api.SandboxID, gpus int) Box {
		return Box{Owner: Owner{Kind: KindTask, Sandbox: id}, Image: img, Argv: []string{"agent", "container", "{}"}, Cap: api.Resources{GPU: gpus}}
	}
	var mu sync.Mutex // guards got
	got := map[string][]string{}
	var all sync.WaitGroup
	for _, id := range []api.SandboxID{"01GPU1", "01GPU2"} {
		all.Go(func() {
			made, err := r.Create(ctx, box(id, 1))
			if err != nil {
				t.Error(err)
				return
			}
			c, err := r.api.ContainerInspect(ctx, made, client.ContainerInspectOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, d := range c.Container.HostConfig.DeviceRequests {
				got[made] = append(got[made], d.DeviceIDs...)
			}
		})
	}
	all.Wait()
	var given []string
	for id, ids := range got {
		defer func() {
			if err := r.remove(ctx, id); err != nil {
				t.Error(err)
			}
		}()
		given = append(given, ids...)
	}
	if slices.Sort(given); strings.Join(given, " ") != "GPU-a GPU-b" {
		t.Fatalf("two containers were given %q", given)
	}
	if _, err := r.Create(ctx, box("01GPU3", 2)); api.KindOf(err) != api.KindQuota || !strings.Contains(err.Error(), "1 are free") {
		t.Errorf("two of one free: %v", err)
	}
	made, err := r.Create(ctx, box("01GPU4", 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.api.ContainerStart(ctx, made, client.ContainerStartOptions{})
	if err := r.explain(err); api.KindOf(err) != api.KindUnsupported || !strings.Contains(err.Error(), "cannot give GPUs") {
		t.Errorf("an engine without NVIDIA's toolkit: %v", err)
	}
	if err := r.remove(ctx, made); err != nil {
		t.Fatal(err)
	}
	if free, err := r.freeGPUs(ctx); err != nil || len(free) != 1 {
		t.Errorf("free again: %q, %v", free, err)
	}
}
