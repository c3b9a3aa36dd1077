package docker

import (
	"context"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// An engine may still be at work for a process that was killed when the next one
// starts: that keeps nobody from starting, and what comes of it is removed.
func TestRecoverWhileTheEngineIsAtWork(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, []string{"agent"}, t.TempDir())
	makeImage(t, r.Engine, testImage, nil)
	owner := Owner{Kind: KindTask, Sandbox: "01LATE"}
	name := r.name(owner.Sandbox)
	appears := func() {
		t.Helper()
		if _, err := r.api.VolumeCreate(t.Context(), client.VolumeCreateOptions{Name: name, Labels: r.labels(owner)}); err != nil {
			t.Fatal(err)
		}
	}
	gone := func() {
		t.Helper()
		if err := r.Tidy(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := r.api.VolumeInspect(t.Context(), name, client.VolumeInspectOptions{}); !cerrdefs.IsNotFound(err) {
			t.Errorf("the volume after a sweep: %v", err)
		}
	}
	appears()
	// Without labels the list lacks it, as it lacks one that is still being made.
	made, err := r.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: testImage, Cmd: []string{"x"}},
		HostConfig: &container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: "/x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.remove(context.Background(), made.ID) }) //nolint:errcheck // it may be gone
	if _, err := r.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.remove(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	gone()
	appears()
	gone()
	r.calm = time.Time{}
	gone()
	if r.left.Load() {
		t.Error("what is long over is still looked for")
	}
}
