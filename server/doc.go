// Package server lends this machine: it speaks the lender's side of the lease
// protocol, executes tasks in sandboxes, and gives the owner the last word over
// all of it at any moment.
//
// # Who may, and how much
//
// The owner's table of rules (package policy) says whose leases are granted at
// all; the owner's limits say how much one guest, one peer and all guests
// together may use. Both are verified, then committed, then in force: what runs
// and is no longer allowed is withdrawn at once.
//
// # Slots
//
// A slot is a vector of resources and, while its lease has work, one open
// sandbox and one goroutine that feeds it. What a lease is told it may use is
// its fair share ([alloc.Shares]): equal per borrower, then per lease. What it
// gets is decided anew whenever a task ends: the next slot goes to the waiting
// lease whose borrower uses least, so nobody's idle share is wasted and nobody
// holds a slot longer than the task it runs, or a quarter of a second of small
// tasks. Credit lets a lease queue about 200 ms of work per slot, between 2 and
// 128 tasks.
//
// # A result's way
//
//	Exec ends -> result is encoded -> pins, journal, ledger (one batch, durable)
//	          -> Finished is sent -> Ack -> journal row and pins are dropped
//
// Nobody is told of a result before it is on disk. Batches form by themselves:
// the journal's goroutine takes whatever gathered while it wrote the last one,
// and each stream's writer does the same with what is to be sent.
//
// # Whose fault
//
// What a runtime returns as an error, an input that cannot be fetched, an output
// that cannot be written, a journal that cannot be written: the machine's, given
// back as lost with the reason. A module that is none, a path that leaves the
// task's directory, a declared output that matched nothing: the task's, a result
// with exit code 125 or 126 or the command's own, and words in Exit.Msg.
//
// # Bounds
//
// Per borrower: leases, results held and their bytes in the journal, tasks under
// way and their bytes. Per lease: attempts
// (the credit it was told; more ends the stream), stagers. Per stream: what waits
// to be sent, beyond which it is not read. Per task: arguments, inputs, files,
// the size of its result. Per machine: sandboxes, streams.
package server
