package lease

import (
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// What a lender writes down stands here, beside what it sends, because the
// journal's keeper and its writer may both know this package but not each other.

// Record is a lease as the lender's journal keeps it.
type Record struct {
	Lease    api.LeaseID
	Borrower api.PeerID
	Job      api.JobID
	JobName  string
	Runtime  api.RuntimeName
	Since    time.Time
}

// Held is the result of a finished attempt that its borrower has not
// acknowledged yet.
type Held struct {
	Lease api.LeaseID
	Key
	Pin    int64  // the pins that protect its blobs: owner "lease/<id>/<pin>"; 0 if it has no blobs
	Size   int    // bytes of Result
	Result []byte // JSON of a [Result]; nil where only the key matters
}

// Batch is one atomic change of the journal, made durable as a whole and in the
// order of the fields. Opening a lease that is there, saving a result that is
// there, and dropping what is gone change nothing.
type Batch struct {
	Open    []Record
	Save    []Held
	Drop    []Held         // by Lease and Key
	End     []api.LeaseID  // with whatever results they still have
	Usage   []api.UsageRow // added to the ledger's rows of the same day, peer and job
	Lending *Lending
}

// Empty tells whether the batch changes nothing.
func (b Batch) Empty() bool {
	return len(b.Open)+len(b.Save)+len(b.Drop)+len(b.End)+len(b.Usage) == 0 && b.Lending == nil
}

// Lending is what the owner decided last: it outlives the node's process.
type Lending struct {
	State  api.LendState
	Reason string
}

// Journal is what a lender reads when it starts. Its Held have no Result.
type Journal struct {
	Leases  []Record
	Held    []Held
	Lending Lending // zero if nothing was ever decided
}
