package api

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Ids have types so that a job's id can never be passed where a peer's belongs.
type (
	// PeerID is a node's identity: the libp2p peer id of its Ed25519 key, in its
	// base58 text form.
	PeerID string
	// NetworkID names a network: the peer id form of the network's public key.
	NetworkID string
	// InviteID names an invite: the peer id form of the invite's public key.
	InviteID string
	// JobID is a ULID chosen by the borrowing node.
	JobID string
	// LeaseID is a ULID chosen by the borrowing node; it is unique across nodes.
	LeaseID string
	// SandboxID is a ULID chosen by the lending node.
	SandboxID string
	// TunnelID is a ULID chosen by the node that is reached.
	TunnelID string
	// MappingID is a ULID chosen by the node that maps.
	MappingID string
	// CarriedID is a ULID chosen by the gateway that carries a mapping.
	CarriedID string
	// ContainerID is a ULID chosen by the borrowing node; to the lender's owner it
	// is also the container's sandbox.
	ContainerID string
	// TaskID is a task's index in its job, from 0.
	TaskID int64
	// Attempt numbers the tries of one task under one lease, from 1. Messages
	// about an older attempt are harmless because the number does not match.
	Attempt int32
	// Cursor is a position in a node's event stream; 0 is its beginning.
	Cursor int64
	// RuntimeName is one of docker, wasm, process.
	RuntimeName string
	// GuestNetwork is what a guest in a container can reach.
	GuestNetwork string
)

// The runtimes a node can lend.
const (
	RuntimeDocker  RuntimeName = "docker"
	RuntimeWasm    RuntimeName = "wasm"
	RuntimeProcess RuntimeName = "process"
)

// The networks of guests. Empty means none.
const (
	GuestNone     GuestNetwork = "none"     // itself
	GuestFiltered GuestNetwork = "filtered" // the Internet, and nothing of the lender's
	GuestOpen     GuestNetwork = "open"     // all that the lender's machine reaches, the machine included
)

// Valid tells whether n is a network that there is.
func (n GuestNetwork) Valid() bool { return n.None() || n == GuestFiltered || n == GuestOpen }

// None tells whether n is no network.
func (n GuestNetwork) None() bool { return n == "" || n == GuestNone }

// Short is the id as people see it in tables: its last eight characters, which
// differ between nodes where the first ones do not.
func (p PeerID) Short() string {
	if len(p) <= 8 {
		return string(p)
	}
	return string(p[len(p)-8:])
}

// String is the task's number as people write it.
func (t TaskID) String() string { return strconv.FormatInt(int64(t), 10) }

// BlobID names bytes by their BLAKE3 hash (32 bytes). Its text form is 64 hex digits.
type BlobID [32]byte

// IsZero tells whether the id names nothing.
func (b BlobID) IsZero() bool { return b == BlobID{} }

// String is the id's 64 hex digits.
func (b BlobID) String() string { return hex.EncodeToString(b[:]) }

// MarshalText writes the id's text form; the zero id is the empty string.
func (b BlobID) MarshalText() ([]byte, error) {
	if b.IsZero() {
		return []byte{}, nil
	}
	return []byte(b.String()), nil
}

// UnmarshalText reads the text form and refuses anything else.
func (b *BlobID) UnmarshalText(t []byte) error {
	if len(t) == 0 {
		*b = BlobID{}
		return nil
	}
	id, err := ParseBlobID(string(t))
	if err != nil {
		return err
	}
	*b = id
	return nil
}

// ParseBlobID reads a blob id's text form (KindInvalid otherwise).
func ParseBlobID(s string) (BlobID, error) {
	var id BlobID
	if len(s) != 2*len(id) || strings.ToLower(s) != s {
		return id, &Error{Kind: KindInvalid, Msg: fmt.Sprintf("%q is not a blob id: want %d lower-case hex digits", clip(s, 80), 2*len(id))}
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return BlobID{}, &Error{Kind: KindInvalid, Msg: fmt.Sprintf("%q is not a blob id", clip(s, 80)), Err: err}
	}
	return id, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
