// Package lease is the protocol by which a borrowing node has tasks executed by
// a lending node: its states, messages and defaults, and the types of its
// messages. Both ends build on it: client/job borrows, server lends.
//
// # Terms
//
// A lease is a lender's bounded promise to execute tasks of one job. It belongs
// to one borrower and one job, is named by a [api.LeaseID] that the borrower
// chose, and is carried by one libp2p stream of protocol [Protocol] at a time;
// the stream may break and be opened again. Slots are how many of the lease's
// tasks run at once; credit is how many the lender accepts in all, running and
// queued. An attempt is one try of a task under a lease; its [Key] is (task,
// attempt), and with the lease and the job that key names a result for ever.
//
// Execution is at least once; a result counts exactly once, because the
// borrower journals the first result of a task that it secured and drops the
// others. (A job with restart: never turns re-runs and copies off.)
//
// # An attempt's life
//
//	assigned  -> running -> finished -> secured -> acknowledged
//	    \           \          \
//	     \           \          +--> dropped (the grace time ran out, or the borrower said forget)
//	      +-----------+------------> given back (lost, withdrawn, canceled)
//
// finished: the command has ended and its exit is known; the lender has written
// the result and its outputs to disk, and holds them. secured: the borrower has
// fetched and verified every output and journalled the result. Only then does it
// send Ack, and only then may the lender drop the outputs. An attempt that did
// not succeed has one of three causes, and only the first spends a retry:
//
//	failed     the task's own fault: exit code, signal, a limit, a missing output
//	lost       the machine's fault: the node, the sandbox or the disk failed
//	withdrawn  the owner's wish: killed, paused for long, drained, limits lowered
//
// # Messages
//
// Every frame's payload is JSON. The borrower opens the stream and sends Open
// first. The lender answers Grant or Refuse. After Grant either side sends its
// messages at any time, in any order.
//
//	borrower -> lender
//	  Open     ask for a lease, or, with Resume, for one that exists; says what is wanted
//	  Assign   tasks to execute; never more outstanding than the credit
//	  Cancel   stop or unqueue these attempts; they end in GivenBack(canceled), or
//	           in Finished if they had ended already. With Unbegun, what has begun
//	           goes on as if it had not been named
//	  Ack      these results are secured: drop them
//	  Renew    the borrower lives (every RenewEvery)
//	  Release  no more tasks will come; the lender ends the lease when nothing is
//	           running or held, then closes the stream
//
//	lender -> borrower
//	  Grant      the lease stands, with slots and credit; after Resume also what is
//	             held: Running and Finished attempts, by key
//	  Refuse     no, and why, in words for the user; the stream ends
//	  Update     slots, credit or lending state changed (fair shares, pause, limits)
//	  Started    these attempts began to run
//	  Output     a piece of a running task's stdout or stderr (leases opened Live only)
//	  Finished   results; sent again after a Resume until acknowledged
//	  GivenBack  these attempts will have no result: cause and reason
//	  Renewed    answers Renew
//
// # Time
//
// All times are durations on each side's own monotonic clock; no timestamp is
// compared across machines. The lender ends a lease that was not renewed for
// TTL plus Grace: until then, queued and running attempts go on and results are
// held, so that a borrower that restarts finds them. The borrower takes a
// lender for lost when its stream is broken and cannot be opened again for
// Reconnect, or when nothing at all came from it for TTL; it then runs the
// outstanding tasks elsewhere, keeps trying to resume the lease, and takes late
// results of tasks that nobody else has finished.
//
// # Restarts
//
// A borrower that restarts resumes every lease it had journalled: Open with
// Resume and the same ids. The lender answers with Grant, whose Running and
// Finished name what it holds; it sends the held results again. Attempts the
// borrower no longer wants it answers with Cancel, or Ack for results that it
// had secured. A lender that restarts (kill -9 included) holds what was
// finished and not acknowledged, from its journal; attempts that were queued or
// running are gone, and are simply not named in Grant: the borrower counts
// them lost.
//
// After Resume, a lender that names its Memory sends Started again for every
// attempt that runs, and names in Ended those that began and were given back,
// whether the borrower heard of it or not. Where the Memory is the one of the
// Grant before, an attempt that is nowhere named was certainly not begun, and may
// run elsewhere in a job with restart: never, too.
//
// # Bounds
//
// A frame holds at most MaxFrame bytes, an Assign at most MaxBatch tasks, a
// Finished at most MaxBatch results. A lender grants one borrower at most
// MaxLeases leases at once and holds at most MaxHeld results for it; beyond
// that credit falls to 0 until results are acknowledged. stdout and stderr up
// to InlineOutput bytes travel inside the result; longer ones, and every output
// file, are blobs that the borrower fetches from the lender by /p2prc/blob/1.
package lease
