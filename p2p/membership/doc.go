// Package membership decides who is in a network: its signed statements, the
// log that holds them, and the invite token. It is pure: no I/O, no clock of its
// own, no goroutine; any member checks everything here offline.
//
// # Keys
//
// All keys are Ed25519 and are named by their libp2p peer id, which contains the
// public key: a network by its network key (held by its founder, or in a safe),
// a node by its identity, an invite by a key whose seed is the token's secret.
//
// # Statements
//
// A statement is a libp2p signed envelope (record.Envelope) in its one canonical
// encoding, with a JSON payload; the payload type says which of these it is, and
// each has a signature domain of its own. Times are Unix milliseconds.
//
//	invite      signed by the network key or an admin: this invite key may admit
//	            this many nodes, in this role, until then; an admin invite names its node
//	admission   signed by any member (the countersigner), with its time; holds the
//	            claim, an envelope signed by the invite key: this node uses this invite.
//	            Neither key alone admits anybody
//	grant       signed by the network key: this node has this role (how a founder
//	            starts); or by an admin: this member's certificate is renewed, in the
//	            same role or in another one, but no member becomes an admin by it
//	revocation  signed by the network key or an admin: this node, this invite, or
//	            this invite and all it admitted are out. Only the network key
//	            revokes admins. A revoked node id never comes back
//
// # What stands
//
// The log is a set; what it means does not depend on the order in which
// statements arrived. It is worked out in three strata, so that no two
// statements can depend on each other in a circle:
//
//  1. structure: admissions and grants whose signatures, windows and signers hold,
//     looking only at revocations by the network key;
//  2. revocations, by the network key and by those who were admins in (1);
//  3. membership: (1) again, with every revocation of (2) except for what made an
//     admin, since its time is its signer's to choose; and of each invite only the first N distinct nodes in (time, hash) order. A network that was cut in
//     two may so have admitted too many for a while; once joined the later ones fall.
//
// A signer must have been a member at the time the statement names: after its
// admission, before its expiry, not after its revocation. What a member signed
// before it was revoked stands. Clocks may differ by [Tolerance].
//
// # Roles
//
// A node has the role that was decided last: by a grant when it was signed, by an
// admission when its invite was made, so that using an old invite again brings no
// old role back. Admins make members of lenders and so on; an admin becomes one by
// an invite that names it or by the network key, and only a grant by the network
// key makes another role of it. From then on it may not sign as an admin; what it
// signed before stands.
//
// # What it costs
//
// Working a log out takes time in proportion to the number of statements (times
// its logarithm, for sorting), in whatever order they depend on each other. It is
// done once for each batch that brings news.
package membership
