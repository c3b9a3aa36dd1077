// Package child is what the runtimes whose sandboxes are processes of this
// machine have in common: a [Sandbox] is one agent process in a box, with a room
// on disk, limits watched from outside, and a new agent when the old one had to
// be killed to end a task.
//
// # Who enforces what
//
// The node, not the agent, watches wall time, processor time, memory, processes,
// disk and output: the agent may be busy, and the guest is hostile. Where control
// groups are to be had the kernel holds memory, processes and processor share;
// else everything is measured every few tens of milliseconds and what is over its
// limit is killed. A command that is stopped for a limit ends with code 137 and
// the limit's name; its outputs are not collected.
package child
