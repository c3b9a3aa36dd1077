// Package netguard closes a network namespace to everything that is not the
// Internet: a packet filter for guests that are not trusted, loaded by whoever
// owns the namespace and out of reach for those who merely share it.
//
// [Rules] turns a [Config] into one table of rows ([Table]), which is all there
// is to know: the first row that matches a packet decides, and a packet that no
// row matches goes nowhere. [Main] runs inside the namespace with the right to
// administer it. It loads the table as nftables `inet p2prc_guard` in one
// transaction, reads it back and compares, sends packets that must not pass and
// looks into the counters to see which rows stopped them, gives that right away
// by becoming a process that has none, prints [Ready] and stays until it is
// told to end. If any step fails it says why and ends: there is no half guard.
//
// What leaves:
//   - answers to who was let in, and what goes over the namespace's own loopback;
//   - port 53 of the resolvers that the configuration names, wherever they are;
//   - what neighbour discovery needs on the link;
//   - TCP, UDP and echo requests to addresses of the Internet. Not among these:
//     what the configuration forbids, the links of this namespace (the gateway
//     and whoever else is on them), and the special ranges of the table
//     [elsewhere].
//
// What comes in: answers and neighbour discovery. Nothing is forwarded.
//
// A connection that leaves for a refused address is reset at once, and other
// packets are answered as administratively prohibited, so that a guest's program
// fails quickly and says why instead of waiting.
package netguard
