package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// pythonImage is a Debian with the Python that Ansible's modules need.
const pythonImage = "p2prc/python"

// TestContainerStories has stories that need a container engine. In them p2prc
// is a program that is linked statically, which this test binary need not be: it
// is the agent in the containers too.
func TestContainerStories(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	ring.Need(t, "ssh", ring.SSH())
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "p2prc"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
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
	if err := localimage.Make(t.Context(), engine, "p2prc-test/story:latest", nil, files...); err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../plugins")
	if err != nil {
		t.Fatal(err)
	}
	p := stories(t, filepath.Join("testdata", "docker"))
	p.Condition = func(name string) (bool, error) {
		if name != "python" {
			return false, fmt.Errorf("unknown condition %s", name)
		}
		_, err := engine.ImageInspect(t.Context(), pythonImage)
		if full := os.Getenv(ring.FullEnv) != ""; err == nil || !full {
			return full, nil
		}
		return false, fmt.Errorf("%w: examples/image python makes it", err)
	}
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
		e.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
		e.Setenv("EXAMPLES", examples)
		return setup(e)
	}
	testscript.Run(t, p)
}
