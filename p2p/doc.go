// Package p2p is a node among others: its identity, its network and membership,
// the libp2p host, discovery, the peer table, and streams between members.
//
// # Membership before anything else
//
// Who is a member is decided by package membership from signed statements. Until
// the other end of a connection is known to be one, it may speak identify and
// /p2prc/member/1 only; every other handler, gossip's too, stands behind one
// check of the log ([Net.Handle] is the only way to register one), and this node opens
// nothing else on a connection before both sides are proved. A stranger is told why,
// disconnected, logged, counted (refused_strangers) and, after three times in a
// minute, not answered any more.
//
// # /p2prc/member/1
//
// Frames of package wire with JSON payloads. The dialing side opens the stream
// first thing on a new connection. A side that does not like what it reads sends
// Refuse{kind, msg, hint} in its place and the connection ends.
//
//	dialer                                  listener
//	Hello{network, time, proof}  ->
//	                             <-  Hello{network, time, proof}
//	      both ends are proved: other protocols may be spoken
//	Have{log, records}           ->
//	                             <-  Delta{statements, records, more} ...
//	                             <-  Have{log, records}
//	Delta ...                    ->
//	                             <-  Done{}
//
// A proof is the statements from which the sender's membership follows. Have
// names what its sender has (8 bytes of each statement's hash; the Seq of each
// record), Delta brings what the other lacks, in parts while More is set.
//
// To join, the dialer's Hello says so and proves nothing; it verifies the
// listener's proof against the network key in its token, and only then sends
// Claim{claim}, signed by the invite key and naming the dialer's own id, so that
// it is worth nothing to anybody else. The listener countersigns, makes the
// admission durable and answers Admitted{statement}; Have and so on follow.
// Any member can do this, whether or not an admin is up.
//
// A Hello may have 512 KiB and must come within 10 s; a stranger shares 16 slots
// with other strangers, and no more than 64 connections may be unproved at once.
//
// # Gossip
//
// One gossipsub topic, /p2prc/NETWORK, among proven members. A message is one
// byte of kind and a payload: 1 a record (the signed envelope as its node made
// it), 2 statements (JSON list), 3 a suspicion {node, seq, window}. Only what is
// news to a node is passed on by it.
//
// # Lanes
//
// A stream of much data or of many small answers may have a TCP connection of its own
// ([Net.OpenLane]), beside a direct one that two members have proved each other on, and no
// longer than that. It is TLS with the nodes' keys from the first byte on, which tells it from
// libp2p's connections to the same port. Who dialed the one dials the other, for itself or when
// asked; lanes.go has the frames. A member has eight at most.
//
// # How a node is reached
//
// A node asks up to three members that are connected directly how it is seen:
//
//	/p2prc/reach/1: Look{} -> Seen{addr, time}, and then Dial{tcp, udp} -> Reached{tcp, udp}
//
// Who calls from one of this machine's own networks is not asked to dial: it would
// reach what nobody else does. Who is asked does so at the IP address the asker speaks from and no
// other, at the (at most four) ports of each kind that are claimed, for the asker's
// key, from sockets that have never sent to it. Most of those asked make the verdict:
// public or private. A public node relays for members (circuit v2, behind
// the gate) unless its owner says no. A private one reserves places at two live
// members that relay, those with the least latency, and calls itself through each, at
// first and every 30 s; its record then has /p2p/RELAY/p2p-circuit. Two nodes
// that meet through a relay try at once to get through both routers (DCUtR, over
// TCP and QUIC), then again after growing pauses. New streams use the best path there
// is; a relayed connection without work is closed once there is a direct one. When a relay
// does not answer, the other is called; when a direct path breaks, its streams end,
// and the next one is opened through a relay.
//
// Where one of the two is behind a router that shows each destination another port, the
// two meet as package birthday tells: that side, the asker, opens many ports, the other,
// whose own router shows all the same port, tries many.
//
//	/p2prc/meet/1: Meet{} -> At{addr}, and then Probe{nonce} -> packets
//
// Packets go from neither side to an address of the other's choice: both ask up to three
// members that relay for the other, and with which they are connected themselves, at which
// public IPv4 address they see it, and all that answer must say the same.
//
//	/p2prc/reach/1: Where{peer} -> There{ips}
//
// The asked side sends 1024 packets of 17 bytes at most, for one member at a time and three
// times a minute for each; the asker 256 of one byte.
//
// # What a path carries
//
//	/p2prc/speed/1: Measure{up} -> Go{}, or Busy{problem} and the end
//
// After Go one side writes bytes without meaning, at most 64 MiB and 2 s, and ends
// its data: the asked side, or, with up, the asker, who then reads Got{bytes, time}.
// Who reads stops at the same bounds. A node is asked by two at a time, by one
// member twelve times a minute.
//
// # Who is alive
//
// Each node keeps about six connections to members at random and pings them every
// second (/p2prc/ping/1: 8 bytes out, the same 8 back and a digest of the
// answering side's log and of whom it knows; when that differs from one's own
// twice in a row the two sync again, so that what gossip lost, a revocation say, is
// made good in seconds). A neighbour that does not answer in a
// second, or whose connection broke, becomes suspect and is gossiped as such; who
// hears it probes the suspect itself, for 2 s, and only that probe says dead. A
// dead peer is tried again with growing pauses of up to two minutes. No peer is
// ever forgotten because it did not answer. One that connects anew has its older
// direct connections tried: one that is silent for 3.5 s while the new one answers
// is closed.
package p2p
