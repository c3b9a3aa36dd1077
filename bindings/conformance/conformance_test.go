//go:build cgo && linux

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/bindings/c/ctest"
	_ "github.com/Akilan1999/p2p-rendering-computation/bindings/c/lib"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// The test binary is the agent of its nodes, and the script in C.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "agent" {
		os.Exit(agent.Main(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "conformance" {
		if !ctest.Conformance(os.Args[2]) {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// built is where make leaves the library and the programs that need more than Go
// and Python; empty where only those are tested, as in CI.
var built = os.Getenv("P2PRC_BINDINGS")

// program is the script in one language and way.
type program struct {
	name    string
	process bool // its node is in its own process
	command []string
}

func programs(t *testing.T) []program {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	python := []string{"python3", "conformance.py"}
	all := []program{
		{"C, socket", false, []string{self, "conformance", "socket"}},
		{"C, process", true, []string{self, "conformance", "process"}},
		{"Python, socket", false, append(python, "socket")},
		{"Python, socket, asyncio", false, append(python, "socket", "async")},
	}
	if built == "" {
		return all
	}
	haskell := filepath.Join(built, "p2prc-conformance")
	all[0].command[0], all[1].command[0] = filepath.Join(built, "ctest"), filepath.Join(built, "ctest")
	return append(all,
		program{"Python, process", true, append(python, "process")},
		program{"Python, process, asyncio", true, append(python, "process", "async")},
		program{"Haskell, socket", false, []string{haskell, "socket"}},
		program{"Haskell, process", true, []string{haskell, "process"}})
}

func TestEveryLanguageSaysTheSame(t *testing.T) {
	ring.Need(t, "bindings", ring.Bindings())
	agent, image := agentAndImage(t)
	lender := open(t, "lender", agent, true)
	module := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(module, runtimetest.EchoModule(), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"join member", "list lender", "job done 100/100 progress yes", "container running removed", "map open removed", "error not_found yes", "end yes"}
	if image == "" {
		want[3] = "container no engine"
	}
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			invite, err := lender.CreateInvite(t.Context(), api.InviteRequest{})
			if err != nil {
				t.Fatal(err)
			}
			env := append(os.Environ(), "P2PRC_TOKEN="+invite.Token, "P2PRC_PEER=lender", "P2PRC_MODULE="+module, "P2PRC_IMAGE="+image,
				"PYTHONPATH=../python", "P2PRC_HOSTS=127.0.0.1", "P2PRC_LIBRARY="+filepath.Join(built, "libp2prc.so"))
			if p.process {
				env = append(env, "P2PRC_OWN_HOME="+home(t))
			} else {
				node := open(t, "borrower", nil, false)
				env = append(env, "P2PRC_SOCKET_HOME="+filepath.Dir(node.Socket()))
			}
			cmd := exec.CommandContext(t.Context(), p.command[0], p.command[1:]...)
			var said, why bytes.Buffer
			cmd.Env, cmd.Stdout, cmd.Stderr = env, &said, &why
			err = cmd.Run()
			got := strings.Split(strings.TrimSpace(said.String()), "\n")
			for i := range max(len(got), len(want)) {
				fmt.Fprintf(t.Output(), "%-26s %s\n", p.name, at(got, i))
				if at(got, i) != at(want, i) {
					t.Errorf("line %d is %q, want %q", i+1, at(got, i), at(want, i))
				}
			}
			if err != nil {
				t.Errorf("%v\n%s", err, why.String())
			}
		})
	}
}

// agentAndImage is what a lender is given. Containers want an engine, and an agent
// that is linked statically, which this test binary is not.
func agentAndImage(t *testing.T) (agent []string, image string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if built == "" || ring.Docker() != "" {
		return []string{self, "agent"}, ""
	}
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	const name = "p2prc-test/bindings:latest"
	if err := localimage.Make(t.Context(), engine, name, nil, files...); err != nil {
		t.Fatal(err)
	}
	return []string{filepath.Join(built, "p2prc"), "agent"}, name
}

// TestPython runs the package's own tests.
func TestPython(t *testing.T) {
	ring.Need(t, "bindings", ring.Bindings())
	cmd := exec.CommandContext(t.Context(), "python3", "-m", "unittest", "discover", "-s", "tests")
	cmd.Dir = "../python"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// home is a new folder with a path that is short enough for a socket.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2prc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// open runs a node that meets nobody but those it is shown.
func open(t *testing.T, name string, agent []string, lends bool) *abstractions.Node {
	t.Helper()
	n, err := abstractions.Open(context.Background(), abstractions.Options{Home: home(t), Agent: agent, Settings: func(c *config.Config) {
		// A job's slots may be held for a moment after it: they leave half a core.
		c.Lend.Limits.Total = api.Resources{CPU: 2.5, Memory: 2 << 30}
		if lends { // and is a gateway
			c.Gateway.Hosts, c.Gateway.Public = []string{"127.0.0.1"}, "127.0.0.1"
			c.Lend.Policy = append([]api.Rule{{Subject: "role:member", Action: api.ActionMap, Resource: "listen:*", Allow: true}}, c.Lend.Policy...)
		}
		c.Name, c.MDNS, c.PortMapping, c.Listen.Hosts, c.Lend.Enabled = name, false, false, []string{"127.0.0.1"}, lends
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return n
}
