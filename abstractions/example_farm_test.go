package abstractions_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// A render farm: a pool of two nodes, here in one program, and a job of frames
// over both. In a real one the lenders are other machines, which joined with an
// invite of this node's. The module stands for a renderer that was compiled for
// WASI; this one says what it was told to draw.
func Example_renderFarm() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	folder, err := os.MkdirTemp("", "farm")
	check(err)
	defer os.RemoveAll(folder)
	open := func(name string) *abstractions.Node {
		n, err := abstractions.Open(ctx, abstractions.Options{Home: filepath.Join(folder, name), Settings: quiet(name)})
		check(err)
		return n
	}
	studio, attic := open("studio"), open("attic")
	defer studio.Close()
	defer attic.Close()
	invite, err := studio.CreateInvite(ctx, api.InviteRequest{Role: api.RoleLender})
	check(err)
	_, err = attic.Join(ctx, invite.Token)
	check(err)

	renderer, err := studio.PutBlob(ctx, strings.NewReader(string(runtimetest.EchoModule())))
	check(err)
	job, err := studio.RunJob(ctx, api.JobSpec{
		Name:    "knot",
		Module:  renderer.ID,
		Command: []string{"renderer", "frame {frame} of the knot"},
		Each:    []api.Axis{{Name: "frame", From: 1, To: 24}},
	}, func(e api.Event) error { // e.Job.Tasks counts what is done, e.Job.Nodes who does it
		return nil
	})
	check(err)

	var last string
	frames := 0
	for task, err := range studio.Results(ctx, job.ID) {
		check(err)
		if frames++; task.Each["frame"] == "24" {
			last = string(task.Stdout.Inline)
		}
	}
	fmt.Printf("%s: %d of %d frames, the last is %q\n", job.State, frames, job.Tasks.Total, last)
	// Output: done: 24 of 24 frames, the last is "frame 24 of the knot"
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
