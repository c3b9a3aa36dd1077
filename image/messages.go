package image

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Protocol is the protocol's id; see the package comment.
const Protocol = "/p2prc/image/1"

// The frames of the protocol.
const (
	kindWant wire.Kind = iota + 1
	kindTake
	kindState
	kindDone
	kindFail
)

const (
	maxFrame = 16 << 10
	maxPeers = 3 // named before a member

	stateEvery = 2 * time.Second
	silence    = 30 * time.Second
	dialIn     = 15 * time.Second
)

// source says as what folder an image travels, and who has it or gets it. It is
// the payload of WANT (image only), TAKE and DONE.
type source struct {
	Image api.ImageID  `json:"image"`
	Tree  api.BlobID   `json:"tree,omitzero"`
	Bytes int64        `json:"bytes,omitempty"`
	Peers []api.PeerID `json:"peers,omitempty"`
	There bool         `json:"there,omitempty"`
}

// check refuses what no node of ours sends.
func (s source) check() error {
	if !s.Image.Valid() || s.Bytes < 0 || len(s.Peers) > maxPeers || slices.ContainsFunc(s.Peers, func(p api.PeerID) bool { return p == "" || len(p) > 100 }) {
		return api.Errorf(api.KindCorrupt, "malformed message about an image")
	}
	return nil
}

type stateMsg struct {
	State string `json:"state"`
	Have  int64  `json:"have,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

type failMsg struct {
	Kind api.Kind `json:"kind"`
	Msg  string   `json:"msg"`
	Hint string   `json:"hint,omitempty"`
}

// failure is err as the other side may see it.
func failure(err error) failMsg {
	p := api.ProblemOf(err, false)
	return failMsg{Kind: p.Kind, Msg: clip(p.Detail), Hint: clip(api.HintOf(err))}
}

// err rebuilds what the other side said, which is shown and not trusted.
func (m failMsg) err() error {
	if !slices.Contains(api.Kinds(), m.Kind) {
		m.Kind = api.KindInternal
	}
	return api.Errorf(m.Kind, "%s", clip(m.Msg)).WithHint("%s", clip(m.Hint))
}

func clip(s string) string {
	if len(s) > 500 {
		return s[:500] + "..."
	}
	return s
}

// converse sends a request and reads what comes of it, to DONE.
func converse(st wire.Stream, kind wire.Kind, request source, state func(stateMsg)) (source, error) {
	w, r := wire.NewWriter(st, maxFrame), wire.NewReader(st, maxFrame)
	if err := st.SetDeadline(time.Now().Add(silence)); err != nil {
		return source{}, err
	}
	if err := w.Send(kind, request); err != nil {
		return source{}, lost(err)
	}
	for {
		if err := st.SetDeadline(time.Now().Add(silence)); err != nil {
			return source{}, err
		}
		kind, payload, err := r.Next()
		if err != nil {
			return source{}, lost(err)
		}
		switch kind {
		case kindState:
			var m stateMsg
			if err := wire.Decode(payload, &m); err != nil {
				return source{}, err
			}
			state(m)
		case kindDone:
			var m source
			if err := wire.Decode(payload, &m); err != nil {
				return source{}, err
			}
			m.Image = request.Image
			return m, m.check()
		case kindFail:
			var m failMsg
			if err := wire.Decode(payload, &m); err != nil {
				return source{}, err
			}
			return source{}, m.err()
		default:
			return source{}, wire.UnknownKind(kind)
		}
	}
}

func lost(err error) error {
	if api.KindOf(err) == api.KindCorrupt {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return api.Errorf(api.KindUnavailable, "it stopped talking about the image: %w", err)
}
