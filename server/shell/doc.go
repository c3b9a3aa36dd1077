// Package shell keeps the sandboxes of this machine's own programs in which
// members have shells, where the owner's policy lets them (action shell on
// runtime:process), and serves the streams of [wire/container.Shell].
//
// A sandbox is one of runtime process. What it executes is our own agent in the
// mode that serves sessions, so that a shell here is what it is in a container,
// and the runtime holds it, with all that is started in it, to memory, processor,
// processes, disk and time like any task.
//
// A borrower has one sandbox at a time, opened for its first session, with a work
// directory that is gone, like everything else, when its last session ends; the next
// one waits for that. So nothing has to be found again after a crash. Where limits
// are lowered, shells end before any container does.
//
// # Bounds
//
// What a sandbox takes is reserved as a container's is. Sessions in one: those of
// agent/session. Streams of one member: those of the network.
package shell
