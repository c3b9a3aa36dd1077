package membership

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// Tolerance is how far two members' clocks may differ.
	Tolerance = 5 * time.Minute
	// Lifetime is how long a membership certificate lasts.
	Lifetime = 90 * 24 * time.Hour
	// MaxStatement is the largest encoded statement, in bytes.
	MaxStatement = 4 << 10
	// MaxUses is the most nodes one invite may admit.
	MaxUses = 1000
)

// Invite lets whoever holds the key ID be admitted, until Expires.
type Invite struct {
	Network api.NetworkID `json:"network"`
	ID      api.InviteID  `json:"invite"`
	Role    api.Role      `json:"role"`
	Uses    int           `json:"uses"`
	Node    api.PeerID    `json:"node,omitempty"`
	Created int64         `json:"created"`
	Expires int64         `json:"expires"`
}

// Claim is the invited node's half of an admission, signed by the invite key.
type Claim struct {
	Network api.NetworkID `json:"network"`
	Invite  api.InviteID  `json:"invite"`
	Node    api.PeerID    `json:"node"`
	Time    int64         `json:"time"`
}

// Admission is the admitting member's half; Time is by its clock. Invite is the
// hash of the invite's statement: the key's name alone could be claimed by
// somebody else's statement.
type Admission struct {
	Network api.NetworkID `json:"network"`
	Invite  []byte        `json:"invite"`
	Claim   []byte        `json:"claim"`
	Time    int64         `json:"time"`
	Expires int64         `json:"expires"`
}

// Grant gives a role by the network key, or renews it by an admin's.
type Grant struct {
	Network api.NetworkID `json:"network"`
	Node    api.PeerID    `json:"node"`
	Role    api.Role      `json:"role"`
	Time    int64         `json:"time"`
	Expires int64         `json:"expires"`
}

// Revocation ends a node's membership, or an invite with or without those it admitted.
type Revocation struct {
	Network     api.NetworkID `json:"network"`
	Node        api.PeerID    `json:"node,omitempty"`
	Invite      api.InviteID  `json:"invite,omitempty"`
	AllAdmitted bool          `json:"all_admitted,omitempty"`
	Time        int64         `json:"time"`
	Reason      string        `json:"reason,omitempty"`
}

// body is what the kinds of statement share.
type body interface {
	record.Record
	network() api.NetworkID
	at() int64
	check() bool // it makes sense in itself
}

func (Invite) Domain() string     { return "p2prc-invite/1" }
func (Claim) Domain() string      { return "p2prc-claim/1" }
func (Admission) Domain() string  { return "p2prc-admission/1" }
func (Grant) Domain() string      { return "p2prc-grant/1" }
func (Revocation) Domain() string { return "p2prc-revocation/1" }

func (i Invite) Codec() []byte     { return []byte(i.Domain()) }
func (c Claim) Codec() []byte      { return []byte(c.Domain()) }
func (a Admission) Codec() []byte  { return []byte(a.Domain()) }
func (g Grant) Codec() []byte      { return []byte(g.Domain()) }
func (r Revocation) Codec() []byte { return []byte(r.Domain()) }

func (i Invite) MarshalRecord() ([]byte, error)     { return json.Marshal(i) }
func (c Claim) MarshalRecord() ([]byte, error)      { return json.Marshal(c) }
func (a Admission) MarshalRecord() ([]byte, error)  { return json.Marshal(a) }
func (g Grant) MarshalRecord() ([]byte, error)      { return json.Marshal(g) }
func (r Revocation) MarshalRecord() ([]byte, error) { return json.Marshal(r) }

func (i *Invite) UnmarshalRecord(b []byte) error     { return json.Unmarshal(b, i) }
func (c *Claim) UnmarshalRecord(b []byte) error      { return json.Unmarshal(b, c) }
func (a *Admission) UnmarshalRecord(b []byte) error  { return json.Unmarshal(b, a) }
func (g *Grant) UnmarshalRecord(b []byte) error      { return json.Unmarshal(b, g) }
func (r *Revocation) UnmarshalRecord(b []byte) error { return json.Unmarshal(b, r) }

func (i Invite) network() api.NetworkID     { return i.Network }
func (c Claim) network() api.NetworkID      { return c.Network }
func (a Admission) network() api.NetworkID  { return a.Network }
func (g Grant) network() api.NetworkID      { return g.Network }
func (r Revocation) network() api.NetworkID { return r.Network }

func (i Invite) at() int64     { return i.Created }
func (c Claim) at() int64      { return c.Time }
func (a Admission) at() int64  { return a.Time }
func (g Grant) at() int64      { return g.Time }
func (r Revocation) at() int64 { return r.Time }

func (i Invite) check() bool {
	return i.ID != "" && i.Role.Valid() && i.Uses >= 1 && i.Uses <= MaxUses && i.Created < i.Expires &&
		(i.Role != api.RoleAdmin || i.Node != "")
}
func (c Claim) check() bool     { return c.Invite != "" && c.Node != "" }
func (a Admission) check() bool { return len(a.Invite) == len(hash{}) && lifetimeOK(a.Time, a.Expires) }
func (g Grant) check() bool     { return g.Node != "" && g.Role.Valid() && lifetimeOK(g.Time, g.Expires) }
func (r Revocation) check() bool {
	return (r.Node == "") != (r.Invite == "") && (r.Invite != "" || !r.AllAdmitted) && len(r.Reason) <= 200
}

func lifetimeOK(from, to int64) bool {
	return from > 0 && to > from && to-from <= (Lifetime+Tolerance).Milliseconds()
}

// hash names a statement; it is SHA-256 of its encoding.
type hash [sha256.Size]byte

// statement is one decoded statement whose signature holds.
type statement struct {
	raw    []byte
	hash   hash
	signer api.PeerID
	body   body
	claim  *Claim // of an admission; signed by claim.Invite
}

// subject is the node that a certificate is about; "" of other statements.
func (s *statement) subject() api.PeerID {
	switch b := s.body.(type) {
	case *Grant:
		return b.Node
	case *Admission:
		return s.claim.Node
	}
	return ""
}

// open decodes and verifies one statement of network. Whether its signer had
// the right to sign it is the log's question. Errors are KindCorrupt, or
// KindDenied for another network's.
func open(network api.NetworkID, raw []byte) (*statement, error) {
	s, err := openAny(network, raw)
	if err != nil {
		return nil, err
	}
	switch b := s.body.(type) {
	case *Claim:
		return nil, corrupt("a claim alone is no statement", nil)
	case *Admission:
		if s.claim, err = OpenClaim(network, b.Claim); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// OpenClaim decodes a claim and verifies that the invite key it names signed it.
func OpenClaim(network api.NetworkID, raw []byte) (*Claim, error) {
	s, err := openAny(network, raw)
	if err != nil {
		return nil, err
	}
	c, ok := s.body.(*Claim)
	if !ok || string(s.signer) != string(c.Invite) {
		return nil, corrupt("a claim is not signed by its invite", nil)
	}
	return c, nil
}

func openAny(network api.NetworkID, raw []byte) (*statement, error) {
	if len(raw) > MaxStatement {
		return nil, corrupt("a statement is too large", nil)
	}
	env, err := record.UnmarshalEnvelope(raw)
	if err != nil {
		return nil, corrupt("a statement is not a signed envelope", err)
	}
	var b body
	switch string(env.PayloadType) {
	case Invite{}.Domain():
		b = &Invite{}
	case Claim{}.Domain():
		b = &Claim{}
	case Admission{}.Domain():
		b = &Admission{}
	case Grant{}.Domain():
		b = &Grant{}
	case Revocation{}.Domain():
		b = &Revocation{}
	default:
		return nil, corrupt("a statement of an unknown kind", nil)
	}
	if env, err = record.ConsumeTypedEnvelope(raw, b); err != nil {
		return nil, corrupt("a statement's signature does not hold", err)
	}
	// One statement has one encoding, or its copies would each count.
	if again, err := env.Marshal(); err != nil || !bytes.Equal(again, raw) || env.PublicKey.Type() != crypto.Ed25519 {
		return nil, corrupt("a statement is not in its canonical form", err)
	}
	id, err := peer.IDFromPublicKey(env.PublicKey)
	if err != nil {
		return nil, corrupt("a statement's key is unusable", err)
	}
	if !b.check() {
		return nil, corrupt("a statement makes no sense", nil)
	}
	if b.network() != network {
		return nil, api.Errorf(api.KindDenied, "a statement of another network")
	}
	return &statement{raw: bytes.Clone(raw), hash: sha256.Sum256(raw), signer: api.PeerID(id.String()), body: b}, nil
}

// Sign makes a statement (or a claim) in its encoding.
func Sign(b body, key crypto.PrivKey) ([]byte, error) {
	env, err := record.Seal(b, key)
	if err != nil {
		return nil, &api.Error{Kind: api.KindInternal, Msg: "cannot sign a statement", Err: err}
	}
	return env.Marshal()
}

func corrupt(msg string, err error) error {
	return &api.Error{Kind: api.KindCorrupt, Msg: msg, Err: err}
}

func sha(raw []byte) hash { return sha256.Sum256(raw) }
