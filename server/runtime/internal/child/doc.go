// Package child is the place of sandboxes whose agents are processes of this
// machine: an agent process in a box, with a room on disk, measured from outside.
//
// Where control groups are to be had the kernel holds memory, processes and
// processor share; else everything is measured every few tens of milliseconds and
// what is over its limit is killed.
package child
