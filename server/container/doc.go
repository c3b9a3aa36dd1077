// Package container keeps the long-lived containers that borrowers asked for on
// this machine, and serves the protocol of wire/container.
//
// # A container's life
//
//	creating -> running <-> stopped -> gone
//	               ^
//	               +-> paused (by the owner)
//
// What was promised is a [Record] in the store before the engine is asked for
// anything; the engine's container carries the node, the borrower and the id as
// labels. After kill -9 of the node both lists are compared: a container that is
// on both is adopted, with what it has used so far; one that only the engine has
// is removed; one that only the store has is gone, and says so. When the node is
// told to end it stops its containers, for nobody would hold them to their time,
// and the next start of the node starts them again.
//
// A container ends when its time is up, when its borrower or the owner says so,
// when its borrower may not have containers here any more, and when it has
// written more than its disk. What is gone is still listed, with the reason, for
// a day or until the borrower removes it.
//
// # Ports
//
// A published port is a listener of this node's. Each connection becomes a
// session in the container, so a container needs no network of its own to be
// reached, and no engine has to forward anything.
//
// # Bounds
//
// Per borrower: containers. Per container: sessions, published ports, their
// connections, the log on the engine, processes, processor, memory. Disk is
// looked at once a minute, for an engine cannot cap the root file system on every
// file system: a container may write more for that long.
package container
