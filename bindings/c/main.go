// Command c is P2PRC as a library for C: `make bindings` builds libp2prc.so and
// libp2prc.a of it. p2prc.h is its manual, package lib its code.
package main

import _ "github.com/Akilan1999/p2p-rendering-computation/bindings/c/lib"

func main() {}
