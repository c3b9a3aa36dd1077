// Package storetest is the suite that every implementation of server.Store passes.
package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Run runs the suite; open makes an empty store.
func Run(t *testing.T, open func(t *testing.T) server.Store) {
	t.Run("Journal", func(t *testing.T) { journal(t, open(t)) })
	t.Run("Lending", func(t *testing.T) { lending(t, open(t)) })
	t.Run("Ledger", func(t *testing.T) { ledger(t, open(t)) })
	t.Run("LargeBatch", func(t *testing.T) { largeBatch(t, open(t)) })
}

func apply(t *testing.T, s server.Store, b lease.Batch) {
	t.Helper()
	if err := s.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s server.Store) lease.Journal {
	t.Helper()
	j, err := s.LoadLending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func held(id api.LeaseID, task api.TaskID, body string) lease.Held {
	return lease.Held{Lease: id, Key: lease.Key{Task: task, Attempt: 2}, Pin: int64(task), Size: len(body), Result: []byte(body)}
}

func journal(t *testing.T, s server.Store) {
	if j := load(t, s); len(j.Leases)+len(j.Held) != 0 || j.Lending != (lease.Lending{}) {
		t.Fatalf("an empty store has %+v", j)
	}
	rec := lease.Record{Lease: "L1", Borrower: "B", Job: "J", JobName: "name", Runtime: "wasm", Since: time.UnixMilli(1234567890123).UTC()}
	apply(t, s, lease.Batch{Open: []lease.Record{rec}, Save: []lease.Held{held("L1", 1, "one"), held("L1", 2, "two"), held("GONE", 3, "three")}})
	apply(t, s, lease.Batch{Open: []lease.Record{{Lease: "L1", Borrower: "OTHER"}, {Lease: "L2", Borrower: "B", Job: "K"}}, Save: []lease.Held{held("L2", 9, "nine")}})
	j := load(t, s)
	if len(j.Leases) != 2 || j.Leases[0] != rec || len(j.Held) != 3 {
		t.Fatalf("journal %+v", j)
	}
	for _, h := range j.Held {
		if h.Result != nil || h.Size == 0 || h.Pin != int64(h.Task) || h.Attempt != 2 {
			t.Errorf("held %+v", h)
		}
	}
	got, err := s.Results(t.Context(), "L1", []lease.Key{{Task: 2, Attempt: 2}, {Task: 2, Attempt: 1}, {Task: 7, Attempt: 2}})
	if err != nil || len(got) != 1 || string(got[0].Result) != "two" || got[0].Task != 2 {
		t.Fatalf("results %+v, %v", got, err)
	}
	apply(t, s, lease.Batch{Drop: []lease.Held{held("L1", 1, ""), held("L1", 77, ""), held("NONE", 1, "")}})
	apply(t, s, lease.Batch{Save: []lease.Held{held("L2", 10, "ten")}, End: []api.LeaseID{"L2", "NONE"}})
	if j := load(t, s); len(j.Leases) != 1 || len(j.Held) != 1 || j.Held[0].Task != 2 {
		t.Fatalf("journal %+v", j)
	}
	apply(t, s, lease.Batch{Open: []lease.Record{{Lease: "L2", Borrower: "B"}}}) // ended leases may come again, empty
	if j := load(t, s); len(j.Leases) != 2 || len(j.Held) != 1 {
		t.Fatalf("journal %+v", j)
	}
}

func lending(t *testing.T, s server.Store) {
	for _, st := range []lease.Lending{{State: api.LendPaused, Reason: "night"}, {State: api.LendOpen}} {
		apply(t, s, lease.Batch{Lending: &st})
		if j := load(t, s); j.Lending != st {
			t.Fatalf("lending %+v, want %+v", j.Lending, st)
		}
	}
}

func ledger(t *testing.T, s server.Store) {
	today, yesterday := time.Now().UTC(), time.Now().UTC().AddDate(0, 0, -1)
	row := func(day time.Time, peer, job string) api.UsageRow {
		return api.UsageRow{Day: day.Format(time.DateOnly), Peer: api.PeerID(peer), Job: api.JobID(job), Tasks: 1, CPUSeconds: 0.5, MemorySeconds: 2, GPUSeconds: 3, BytesIn: 4, BytesOut: 5}
	}
	usage := func(since time.Time, by ...string) []api.UsageRow {
		t.Helper()
		rows, err := s.Usage(t.Context(), by, since)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if rows := usage(time.Time{}); len(rows) != 0 {
		t.Fatalf("an empty ledger has %+v", rows)
	}
	for range 2 {
		apply(t, s, lease.Batch{Usage: []api.UsageRow{row(today, "a", "j1"), row(today, "a", "j2"), row(yesterday, "a", "j1"), row(today, "b", "j3")}})
	}
	for by, want := range map[string]int{"": 1, "peer": 2, "job": 3, "day": 2, "peer job": 3, "peer day": 3, "peer job day": 4} {
		var dims []string
		for _, d := range bytes.Fields([]byte(by)) {
			dims = append(dims, string(d))
		}
		rows := usage(time.Time{}, dims...)
		tasks := int64(0)
		for _, r := range rows {
			tasks += r.Tasks
		}
		if len(rows) != want || tasks != 8 {
			t.Errorf("by %q: %d rows of %d tasks, want %d of 8: %+v", by, len(rows), tasks, want, rows)
		}
	}
	if rows := usage(today, "peer"); len(rows) != 2 || rows[0].Peer != "a" || rows[0].Tasks != 4 || rows[0].CPUSeconds != 2 ||
		rows[0].MemorySeconds != 8 || rows[0].GPUSeconds != 12 || rows[0].BytesIn != 16 || rows[0].BytesOut != 20 || rows[0].Job != "" || rows[0].Day != "" {
		t.Errorf("today by peer: %+v", rows)
	}
}

func largeBatch(t *testing.T, s server.Store) {
	const n = 2000
	b := lease.Batch{Open: []lease.Record{{Lease: "L", Borrower: "B", Job: "J"}}}
	var keys []lease.Key
	for i := range api.TaskID(n) {
		h := held("L", i, fmt.Sprintf(`{"t":%d}`, i))
		b.Save = append(b.Save, h)
		keys = append(keys, h.Key)
	}
	apply(t, s, b)
	got, err := s.Results(t.Context(), "L", keys)
	if err != nil || len(got) != n {
		t.Fatalf("%d results, %v", len(got), err)
	}
	apply(t, s, lease.Batch{Drop: b.Save})
	if j := load(t, s); len(j.Held) != 0 {
		t.Fatalf("%d results are left", len(j.Held))
	}
}
