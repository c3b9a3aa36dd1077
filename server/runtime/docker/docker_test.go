package docker

import (
	"hash/fnv"
	"log/slog"
	"os"
	"strconv"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// newRuntime is a node's runtime; nodes differ by their folder. The suite passes
// under other classes of an engine as well, as far as docs/docker.md says.
func newRuntime(t testing.TB, agent []string, dir string) *Runtime {
	t.Helper()
	h := fnv.New64()
	h.Write([]byte(dir))
	e, err := New(Config{Agent: agent, Class: os.Getenv("P2PRC_TEST_CLASS"), Home: dir, Node: api.PeerID("test-" + strconv.FormatUint(h.Sum64(), 16)), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return NewRuntime(e)
}

const testImage = "p2prc-test/busybox:latest"

func TestConformance(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	agent := runtimetest.BuildAgent(t)
	e := newRuntime(t, agent, t.TempDir())
	makeImage(t, e.Engine, testImage, nil)
	runtimetest.Run(t, runtimetest.Target{Image: testImage, Isolated: true, Closed: true,
		New: func(t *testing.T, dir string) runtime.Runtime { return newRuntime(t, agent, dir) }})
}
