package guard

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

// world is netlab's, with the engine's API and an image of the guests' program.
type world struct {
	*netlab.World
	t      *testing.T
	engine *client.Client
	dir    string // holds the guests' program
}

func newWorld(t *testing.T) *world {
	w := &world{World: netlab.NewWorld(t), t: t, dir: t.TempDir()}
	var err error
	if w.engine, err = client.New(client.WithHost(w.Engine)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.engine.Close() })
	build := exec.Command("go", "build", "-o", filepath.Join(w.dir, "guest"), "./testdata/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v: %s", err, out)
	}
	w.importImage()
	return w
}

// importImage makes the image guest, which holds the guest's program only.
func (w *world) importImage() {
	b, err := os.ReadFile(filepath.Join(w.dir, "guest"))
	if err != nil {
		w.t.Fatal(err)
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	err = tw.WriteHeader(&tar.Header{Name: "guest", Typeflag: tar.TypeReg, Mode: 0o555, Size: int64(len(b))})
	if err == nil {
		_, err = tw.Write(b)
	}
	if err = errors.Join(err, tw.Close()); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.engine.ImageImport(w.t.Context(), client.ImageImportSource{Source: &archive, SourceName: "-"}, "guest", client.ImageImportOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		w.t.Fatal(err)
	}
}

// guest starts the hostile program in a network, with what a guest has.
func (w *world) guest(net container.NetworkMode, args ...string) string {
	w.t.Helper()
	made, err := w.engine.ContainerCreate(w.t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: "guest", Entrypoint: append([]string{"/guest"}, args...)},
		HostConfig: &container.HostConfig{NetworkMode: net, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			ReadonlyRootfs: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_, err := w.engine.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
		if err != nil {
			w.t.Error(err)
		}
	})
	if _, err := w.engine.ContainerStart(w.t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		w.t.Fatal(err)
	}
	return made.ID
}

// output is all that a guest prints until it ends.
func (w *world) output(net container.NetworkMode, args ...string) string {
	w.t.Helper()
	return w.logs(w.guest(net, args...))
}

func (w *world) logs(id string) string {
	w.t.Helper()
	r, err := w.engine.ContainerLogs(w.t.Context(), id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, r); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}

// server starts a guest that serves and tells its addresses.
func (w *world) server(net container.NetworkMode) (id string, addrs []string) {
	w.t.Helper()
	id = w.guest(net, "serve")
	r, err := w.engine.ContainerLogs(w.t.Context(), id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	var out word
	if _, err := stdcopy.StdCopy(&out, io.Discard, r); !errors.Is(err, errSaid) {
		w.t.Fatal(err)
	}
	return id, strings.Fields(string(out.line))
}

// expect has a guest greet port of every address, and compares each outcome.
func (w *world) expect(mode container.NetworkMode, want, port string, addrs ...string) {
	w.t.Helper()
	args := []string{"try"}
	for _, a := range addrs {
		args = append(args, net.JoinHostPort(a, port))
	}
	out := w.output(mode, args...)
	if n := strings.Count(out, "\n"); n != 2*len(addrs) {
		w.t.Errorf("%d outcomes for %v: %s", n, addrs, out)
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) != 3 || f[2] != want {
			w.t.Errorf("want %s, got %s", want, line)
		}
	}
}

func (w *world) config() Config {
	return Config{
		Labels: map[string]string{"p2prc.node": "test"}, Image: "guest",
		Agent:  mount.Mount{Type: mount.TypeBind, Source: w.dir, Target: "/.p2prc/agent", ReadOnly: true},
		Argv:   []string{"/.p2prc/agent/guest", "agent"},
		Lender: lender(nil, []netip.Addr{netip.MustParseAddr("5.5.5.1"), netip.MustParseAddr("11.0.0.1"), netip.MustParseAddr("2a01:4f8:1:2::1"), netip.MustParseAddr("2a01:4f8:9::1")}),
	}
}

func (w *world) open(c Config) *Holder {
	w.t.Helper()
	h, err := Open(w.t.Context(), w.engine, c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		for range 2 {
			if err := h.Close(context.Background()); err != nil {
				w.t.Errorf("closing a holder: %v", err)
			}
		}
	})
	return h
}

func TestGuardedGuests(t *testing.T) {
	w := newWorld(t)
	_, plainAddrs := w.server("bridge")
	w.expect("bridge", "greeted", "80", slices.Concat([]string{netlab.LAN}, netlab.Internet, netlab.Hidden, netlab.Machine)...)
	w.expect("bridge", "greeted", "80", plainAddrs...)

	a := w.open(w.config())
	_, addrs := w.server(a.NetworkMode())
	withResolver := w.config()
	withResolver.Resolvers = []netip.Addr{netip.MustParseAddr(netlab.LAN)}
	b := w.open(withResolver)

	t.Run("reaches the Internet", func(t *testing.T) { w.with(t).expect(b.NetworkMode(), "greeted", "80", netlab.Internet...) })
	t.Run("not what is hidden", func(t *testing.T) {
		w.with(t).expect(b.NetworkMode(), "refused", "80", slices.Concat(netlab.Hidden, []string{netlab.LAN})...)
	})
	t.Run("not the machine", func(t *testing.T) { w.with(t).expect(b.NetworkMode(), "refused", "80", netlab.Machine...) })
	t.Run("not an open guest", func(t *testing.T) { w.with(t).expect(b.NetworkMode(), "refused", "80", plainAddrs...) })
	t.Run("not a guarded guest", func(t *testing.T) {
		w := w.with(t)
		w.expect(b.NetworkMode(), "refused", "8080", addrs...)
		w.expect(b.NetworkMode(), "refused", "80", addrs...)
	})
	t.Run("the named resolver's port only", func(t *testing.T) {
		w := w.with(t)
		w.expect(b.NetworkMode(), "greeted", "53", netlab.LAN)
		w.expect(b.NetworkMode(), "refused", "53", netlab.Hidden...)
		w.expect(a.NetworkMode(), "refused", "53", netlab.LAN)
	})
	t.Run("resolv.conf", func(t *testing.T) {
		w := w.with(t)
		for h, want := range map[*Holder]string{a: "nameserver 1.1.1.1\nnameserver 9.9.9.9\n", b: "nameserver 192.168.1.1\n"} {
			if got := w.output(h.NetworkMode(), "resolvers"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
	t.Run("lets nobody in", func(t *testing.T) {
		for _, port := range []string{"80", "8080"} {
			for _, proto := range []string{"tcp", "udp"} {
				w.In("host", func() error {
					if err := netlab.Greet(proto, net.JoinHostPort(addrs[0], port), 100*time.Millisecond); err == nil {
						t.Errorf("%s port %s answers the machine", proto, port)
					}
					return nil
				})
			}
		}
	})
	t.Run("cannot lift it", func(t *testing.T) {
		w := w.with(t)
		if got := w.output(b.NetworkMode(), "lift"); got != "" {
			t.Error(got)
		}
		w.expect(b.NetworkMode(), "refused", "80", netlab.LAN)
	})
	t.Run("started again", func(t *testing.T) {
		w := w.with(t)
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(b.NetworkMode(), "refused", "80", netlab.Machine[0], netlab.LAN)
		w.expect(b.NetworkMode(), "greeted", "80", netlab.Internet[0])
	})
	t.Run("a dead holder cuts off", func(t *testing.T) {
		w := w.with(t)
		h := w.open(w.config())
		id, _ := w.server(h.NetworkMode())
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		made, err := w.engine.ExecCreate(t.Context(), id, client.ExecCreateOptions{Cmd: []string{"/guest", "try", netlab.Internet[0] + ":80", netlab.LAN + ":80"}, AttachStdout: true})
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.engine.ExecAttach(t.Context(), made.ID, client.ExecAttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		var b bytes.Buffer
		if _, err := stdcopy.StdCopy(&b, &b, out.Reader); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); strings.Count(got, "cut-off") != 4 {
			t.Errorf("a guest without its holder: %s", got)
		}
	})
	t.Run("an engine that cannot", func(t *testing.T) {
		before := w.count()
		_, err := Open(t.Context(), withoutRight{w.engine}, w.config())
		if api.KindOf(err) != api.KindUnsupported || !strings.Contains(err.Error(), "NET_ADMIN") {
			t.Errorf("got %v", err)
		}
		if after := w.count(); after != before {
			t.Errorf("%d containers were left behind", after-before)
		}
	})
	t.Run("runtime classes", func(t *testing.T) {
		if err := Check(t.Context(), w.engine, ""); err != nil {
			t.Error(err)
		}
		for _, class := range []string{"runsc", "kata", "io.containerd.kata.v2", "x"} {
			if err := Check(t.Context(), w.engine, class); api.KindOf(err) != api.KindUnsupported {
				t.Errorf("%s: %v", class, err)
			}
		}
	})
}
