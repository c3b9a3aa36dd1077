// Package job is the borrowing side's engine: it takes batches of tasks, finds
// lenders for them, and turns what lenders return into results that count
// exactly once.
//
// # Shape
//
// The scheduler ([sched], one per unfinished job) is pure: events go in with
// the time they happened at, actions come out; it never waits, reads a clock or
// does I/O. The [Engine] owns the schedulers under one lock, carries actions
// out, and turns what streams, fetches, the journal and the clock say into
// events. Each lease has a goroutine that keeps its stream alive; one goroutine
// writes the journal in batches.
//
// # A task's way
//
//	waiting -> running -> (finished) -> fetched -> recording -> done | failed
//	   ^          |                                    |
//	   +----------+-- lost, withdrawn                  +-- failed with retries left -> waiting
//
// finished is what a lender says. A result counts when its outputs are in this
// node's store, verified, and its row is in the journal; only then is it
// acknowledged, and only then may the lender drop it. The first result of a
// task to get there wins; others are acknowledged and dropped. A result that is
// not in the journal is not lost either: its lender holds it and sends it again.
//
// # Blame
//
// Only a task that failed (exit code, signal, limit, missing output) spends a
// retry; lost and withdrawn attempts cost nothing. A task that was running on
// three machines when they were lost is taken to be what killed them, and
// fails. A machine on which tasks fail in a row, in a job whose tasks succeed
// elsewhere, is set aside for that job; so is one that keeps losing tasks or
// breaks the protocol.
//
// # Restarts
//
// A job's spec, the results and the ids of leases are journalled, assignments
// are not (except with restart: never, where each is written before it is
// sent). After a restart every known lease is resumed first; nothing new is
// assigned until each known lender has said what it holds, or Reconnect has
// passed since it was heard of, or ten seconds where it is not.
package job
