package server_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kindNames = map[wire.Kind]string{
	lease.KindOpen: "OPEN", lease.KindAssign: "ASSIGN", lease.KindCancel: "CANCEL", lease.KindAck: "ACK", lease.KindRenew: "RENEW",
	lease.KindRelease: "RELEASE", lease.KindGrant: "GRANT", lease.KindRefuse: "REFUSE", lease.KindUpdate: "UPDATE",
	lease.KindStarted: "STARTED", lease.KindOutput: "OUTPUT", lease.KindFinished: "FINISHED", lease.KindGivenBack: "GIVENBACK", lease.KindRenewed: "RENEWED",
}

// The transcript pins down the bytes of /p2prc/lease/1: a release that changes
// it must speak another protocol id.
func TestTranscriptOfALease(t *testing.T) {
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		defer r.stop()
		log := func(dir string, kind wire.Kind, body []byte) {
			fmt.Fprintf(&out, "%s %d %s %s\n", dir, kind, kindNames[kind], body)
		}
		play := func(o lease.Open) *borrower {
			b := r.connect(member(alice))
			b.log = log
			b.send(lease.KindOpen, o)
			b.next(lease.KindGrant)
			return b
		}
		quiet := func(b *borrower) { // until the lender has no more to say
			synctest.Wait()
			for len(b.frames) > 0 {
				f := <-b.frames
				log("<", f.kind, f.body)
			}
			b.kept = nil
		}
		note := func(s string) { fmt.Fprintf(&out, "# %s\n", s) }

		note("a lease, a task that succeeds, one that fails, one with an output file")
		o := anOpen("01JLEASE")
		o.Live = true
		o.Common = lease.Common{Env: map[string]string{"A": "1"}, Limits: api.TaskLimits{Wall: 60e9}}
		b := play(o)
		b.assign(task(0, "echo", "hello"))
		quiet(b)
		b.assign(task(1, "exit", "3"))
		quiet(b)
		file := task(2, "make", "out/a.txt")
		file.Outputs = []string{"out/*"}
		b.assign(file)
		quiet(b)
		b.ack(key(0), key(1), key(2))
		b.send(lease.KindRenew, struct{}{})
		quiet(b)

		note("one canceled, one lost with its machine")
		b.assign(task(3, "wait", "never"))
		quiet(b)
		b.send(lease.KindCancel, lease.Cancel{Keys: []lease.Key{key(3)}, Reason: "a copy was faster"})
		quiet(b)
		b.assign(task(4, "lose"))
		quiet(b)

		note("the stream breaks; what runs and what is held is named to who resumes")
		b.assign(task(5, "echo", "held"))
		quiet(b)
		b.assign(task(6, "wait", "gate"))
		quiet(b)
		b.hangUp()
		o.Resume = true
		b = play(o)
		quiet(b)
		r.rt.release("gate")
		quiet(b)

		note("the owner pauses, resumes, and the lease is released")
		if err := r.Pause(t.Context(), "a film"); err != nil {
			t.Fatal(err)
		}
		quiet(b)
		b.assign(task(7, "echo"))
		quiet(b)
		if err := r.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		quiet(b)
		b.ack(key(5), key(6))
		b.send(lease.KindRelease, struct{}{})
		b.ended()

		note("refused")
		c := r.connect(api.Caller{Peer: bob, Role: api.RoleLender})
		c.log = log
		c.send(lease.KindOpen, anOpen("01JOTHER"))
		c.next(lease.KindRefuse)
		c.ended()
	})
	const path = "testdata/lease.golden"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("the protocol changed; run with -update if that is meant\n--- got\n%s--- want\n%s", got, want)
	}
}
