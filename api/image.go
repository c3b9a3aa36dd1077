package api

import (
	"strings"
	"time"
)

// ImageID names an image by its content: "sha256:" and the hash of its
// configuration, which names the hash of each of its layers.
type ImageID string

// Valid tells whether id has the form of one.
func (id ImageID) Valid() bool {
	hex, ok := strings.CutPrefix(string(id), "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// Short is the id as listings show it.
func (id ImageID) Short() string {
	hex := strings.TrimPrefix(string(id), "sha256:")
	return hex[:min(len(hex), 12)]
}

// Image is an image on a node's container engine.
type Image struct {
	ID   ImageID   `json:"id"`
	Tags []string  `json:"tags" doc:"the names it has there"`
	Size int64     `json:"size" doc:"bytes"`
	OS   string    `json:"os,omitempty"`
	Arch string    `json:"arch,omitempty"`
	For  PeerID    `json:"for,omitempty" doc:"who had it brought here; empty: it is the owner's own"`
	Used time.Time `json:"used,omitzero" doc:"when work last needed it; only of those brought here"`
}

// KeptImage is what a node remembers of an image: as what folder of blobs it
// travels, and whether it brought it to its engine. It passes between packages
// image and store and is no part of the node's API.
type KeptImage struct {
	ID      ImageID
	Tree    BlobID    // zero: it was never packed or fetched here
	Bytes   int64     // of the folder's files
	For     PeerID    // set: it was brought to this engine for that member
	Loading bool      // it was being loaded; whether the engine has it is to be seen
	Used    time.Time // last need
}

// SendImage asks a node to give an image to members.
type SendImage struct {
	Image string   `json:"image" maxLength:"500" doc:"a name or an id on this node's engine, or the id of an archive that was uploaded"`
	Peers []PeerID `json:"peers,omitempty" maxItems:"1000"`
	Where string   `json:"where,omitempty" maxLength:"1000" doc:"CEL over the peer record: to those that are alive and lend, where it is true, instead of peers"`
}

// The states of an image on its way to a member.
const (
	ImagePacking  = "packing"  // it is made ready here
	ImageFetching = "fetching" // its bytes are on their way
	ImageLoading  = "loading"  // the member's engine takes it
	ImageDone     = "done"
	ImageThere    = "there" // the member's engine had it already
	ImageFailed   = "failed"
)

// ImageProgress is how an image's way to one member stands.
type ImageProgress struct {
	Peer  PeerID   `json:"peer,omitempty"`
	Image ImageID  `json:"image,omitempty"`
	State string   `json:"state" enum:"packing,fetching,loading,done,there,failed"`
	Have  int64    `json:"have,omitempty" doc:"bytes of it that the member has"`
	Bytes int64    `json:"bytes,omitempty" doc:"bytes of it in all"`
	Sent  int64    `json:"sent,omitempty" doc:"bytes that this node gave the member for it"`
	Error *Problem `json:"error,omitempty"`
}
