// Rings runs the tests this machine can run and says which those are: a ring
// that cannot run is named with its reason, and is a failure when
// P2PRC_REQUIRE lists it. It is what `make test` calls:
//
//	go run ./test/rings [-full] [-no-race] [packages]
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

func main() {
	full := flag.Bool("full", false, "full sizes (what `make test-all` runs)")
	noRace := flag.Bool("no-race", false, "leave the race detector out")
	timeout := flag.String("timeout", "20m", "for one package")
	flag.Parse()
	pkgs := flag.Args()
	if len(pkgs) == 0 {
		pkgs = []string{"./..."}
	}
	code, err := run(os.Stdout, pkgs, *full, *noRace, *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(out io.Writer, pkgs []string, full, noRace bool, timeout string) (int, error) {
	rings := ring.Probe()
	if noRace {
		rings["race"] = "left out by -no-race"
	}
	missing := false
	fmt.Fprintln(out, "rings of tests on this machine:")
	for _, name := range ring.Names() {
		why, state := rings[name], "runs"
		if why != "" {
			state = "CANNOT RUN: " + why
			missing = missing || ring.Required(name)
		}
		fmt.Fprintf(out, "  %-12s %s\n", name, state)
	}
	if missing {
		return 1, fmt.Errorf("a ring that %s=%s names cannot run here", ring.RequireEnv, os.Getenv(ring.RequireEnv))
	}
	args := []string{"test", "-json", "-count", "1", "-timeout", timeout}
	// Half of what linking takes is for debuggers, and without this folder's path what
	// was compiled in another clone will do; for the programs that tests build too.
	env := append(os.Environ(), "GOFLAGS=-ldflags=-w -trimpath "+os.Getenv("GOFLAGS"))
	if full {
		env = append(env, ring.FullEnv+"=1")
	}
	if rings["race"] == "" {
		// A program with the detector sleeps a second before it ends if not told otherwise.
		args, env = append(args, "-race"), append(env, "CGO_ENABLED=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	}
	passed, failed, err := goTest(out, append(args, pkgs...), env)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return 1, nil
	}
	return 0, nil
}

// goTest runs go with args and counts top-level tests.
func goTest(out io.Writer, args, env []string) (passed, failed int, err error) {
	cmd := exec.Command("go", args...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	passed, failed = report(out, stdout)
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, 0, err
	}
	if err != nil && failed == 0 {
		failed = 1 // go itself did not get so far
	}
	return passed, failed, nil
}

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
	Elapsed                       float64
}

// report prints one line a package, the output of what failed, and every skip,
// and counts top-level tests.
func report(out io.Writer, r io.Reader) (passed, failed int) {
	kept := map[string][]string{} // package/test -> output
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // not ours: a build message
			continue
		}
		key := e.Package + "/" + e.Test
		switch e.Action {
		case "output":
			kept[key] = append(kept[key], e.Output)
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "pass", "fail", "skip":
			finish(out, e, kept[key])
			delete(kept, key)
			if e.Test != "" && !strings.Contains(e.Test, "/") {
				if e.Action == "pass" {
					passed++
				} else if e.Action == "fail" {
					failed++
				}
			} else if e.Test == "" && e.Action == "fail" {
				failed = max(failed, 1) // a package that did not build, or died outside a test
			}
		}
	}
	return passed, failed
}

func finish(out io.Writer, e event, output []string) {
	switch {
	case e.Action == "fail":
		fmt.Fprint(out, strings.Join(output, ""))
		fmt.Fprintf(out, "FAIL  %s %s (%.1fs)\n", e.Package, e.Test, e.Elapsed)
	case e.Action == "skip" && e.Test != "":
		i := slices.IndexFunc(output, func(s string) bool { return strings.Contains(s, "CANNOT RUN") })
		if i >= 0 {
			fmt.Fprintf(out, "SKIP  %s %s: %s\n", e.Package, e.Test, strings.TrimSpace(output[i]))
		} else {
			fmt.Fprintf(out, "SKIP  %s %s\n", e.Package, e.Test)
		}
	case e.Test == "" && e.Action == "pass":
		fmt.Fprintf(out, "ok    %s (%.1fs)\n", e.Package, e.Elapsed)
	}
}
