// Bench measures P2PRC with named experiments. Each prints its figures beside a
// floor or a peer that was measured in the same run, because machines are
// noisy and only ratios within a run count:
//
//	go run ./bench [-n TASKS] [-json] [wasm] [process] [docker] [up] [idle] [ssh] [ports] [gossip]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

// Figure is one measured number.
type Figure struct {
	Experiment string  `json:"experiment"`
	Name       string  `json:"name"`
	Value      float64 `json:"value"`
	Unit       string  `json:"unit"`
	Note       string  `json:"note,omitempty"`
}

// bench carries what the experiments share.
type bench struct {
	n      int
	binary string // p2prc
	dir    string // scratch
	report func(Figure)
}

var experiments = []struct {
	name string
	what string
	run  func(context.Context, *bench) error
}{
	{"wasm", "tiny WASM tasks a second, through the pool and in a bare loop", wasmTasks},
	{"process", "processes a second, through the pool, in a bare loop, and by xargs", processTasks},
	{"docker", "echo in containers a second, through the pool, in a bare loop, and by docker run", dockerTasks},
	{"up", "from p2prc up to the first answer", startUp},
	{"idle", "memory and processor of a node that does nothing", idle},
	{"ssh", "a command and a copy by ssh into a container, and by Debian's sshd on this machine", sshFront},
	{"ports", "HTTP and bulk through map and forward, and through frp", ports},
	{"gossip", "25 nodes: all know all, and a death is known to all", gossip},
}

func main() {
	n := flag.Int("n", 20_000, "tasks in the throughput experiments")
	asJSON := flag.Bool("json", false, "one JSON object a figure")
	binary := flag.String("p2prc", "./p2prc", "the program to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *n, *binary, *asJSON, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n int, binary string, asJSON bool, names []string) error {
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "p2prc-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{n: n, binary: binary, dir: dir, report: text}
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		b.report = func(f Figure) { _ = enc.Encode(f) } // stdout is gone: so are we, soon
	}
	fmt.Fprintf(os.Stderr, "%d cores, %s, %s/%s\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, e := range experiments {
		if len(names) > 0 && !slices.Contains(names, e.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "== %s: %s\n", e.name, e.what)
		if err := e.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func text(f Figure) {
	line := fmt.Sprintf("%-10s %-44s %12.4g %s", f.Experiment, f.Name, f.Value, f.Unit)
	if f.Note != "" {
		line += "   (" + f.Note + ")"
	}
	fmt.Println(strings.TrimRight(line, " "))
}
