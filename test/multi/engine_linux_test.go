package multi

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// loneEngine is a container engine of a test's own.
type loneEngine struct {
	t    *testing.T
	host string
	api  *client.Client
}

// newEngines starts container engines that share nothing, at the same time.
func newEngines(t *testing.T, n int) []*loneEngine {
	t.Helper()
	why := ""
	if _, err := exec.LookPath("dockerd"); err != nil {
		why = "there is no dockerd to start engines of its own"
	} else if os.Getuid() != 0 {
		why = "only root can start engines of its own"
	}
	ring.Need(t, "docker", why)
	var all []*loneEngine
	for range n {
		all = append(all, startEngine(t))
	}
	for _, e := range all {
		e.wait()
	}
	return all
}

func startEngine(t *testing.T) *loneEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2prc-dk-") // t.TempDir is too long for containerd's socket
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	host := "unix://" + filepath.Join(dir, "sock")
	cmd := exec.Command("dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"-H", host, "-p", filepath.Join(dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(c.Close(), cmd.Process.Signal(syscall.SIGTERM))
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() }) // it may have ended
		_ = cmd.Wait()                                                             // it says "terminated"
		timer.Stop()
		if b, rerr := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("log of an engine (%v):\n%s", rerr, tail(b, 3000))
		}
		_ = unix.Unmount(filepath.Join(dir, "exec", "netns", "default"), unix.MNT_DETACH) // it may be left
		if err = errors.Join(err, log.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return &loneEngine{t: t, host: host, api: c}
}

func (e *loneEngine) wait() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := e.api.Ping(ctx, client.PingOptions{})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			e.t.Fatalf("no engine at %s: %v", e.host, err)
		case <-tick.C:
		}
	}
}

// make loads an image of busybox and bytes that nothing compresses.
func (e *loneEngine) make(name string, extra int) {
	e.t.Helper()
	files, err := localimage.Busybox()
	if err != nil {
		e.t.Fatal(err)
	}
	noise := make([]byte, extra)
	if _, err := rand.Read(noise); err != nil {
		e.t.Fatal(err)
	}
	if err := localimage.Make(e.t.Context(), e.api, name, nil, append(files, localimage.File{Path: "noise", Content: noise})...); err != nil {
		e.t.Fatal(err)
	}
}

// names are all the names of images on the engine.
func (e *loneEngine) names() (all []string) {
	e.t.Helper()
	got, err := e.api.ImageList(e.t.Context(), client.ImageListOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, i := range got.Items {
		all = append(all, i.RepoTags...)
	}
	return all
}
