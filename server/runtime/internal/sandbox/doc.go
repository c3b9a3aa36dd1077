// Package sandbox is what the runtimes have in common: a [Sandbox] is a place
// ([Place]) in which an agent lives, limits that the node watches, and a new agent
// when the old one had to be killed to end a task.
//
// The node stops the clock, counts output and ends what is over a limit: the agent
// may be busy, and the guest is hostile. What else is measured, and by whom, is
// the place's business. A command that is stopped for a limit ends with code 137
// and the limit's name; its outputs are not collected.
package sandbox
