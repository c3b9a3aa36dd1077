// Package birthday gets through a router that shows each destination another port
// (symmetric) to a node whose own router shows all the same one.
//
// Nobody can say beforehand at which port outside such a router lets answers in, so many
// are opened and many are tried, until one of the tried is one of the opened, as in a
// room of 23 two have one birthday. The node behind the symmetric router sends one packet
// from each of [Opened] sockets to the other node's one known address: its router opens that
// many ports, at random, to that address alone. The other node sends small packets from
// its known port to [Tried] ports of the router, at random. The probability
// that none of them meets an open one is (1 - 256/64512)^1024, 1.7 %; two times
// of three the first 250 are enough. The socket that hears one is where the two can talk from: QUIC dials
// from it.
//
// A packet is a zero, which nothing of QUIC begins with, and 16 bytes that both sides agreed on.
package birthday
