package job

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Bounds of what a lender may send, beyond the frame's.
const (
	maxFiles   = 10_000
	maxPathLen = 4096
	maxWords   = 4096
	maxTime    = api.Duration(100 * 24 * time.Hour) // a usage beyond this is a lie, and would overflow sums
	maxBytes   = int64(1) << 50
	maxKeys    = 2 * maxCredit
)

// message is a decoded frame of a lender: one of the types of wire/lease, or nil for Renewed.
type message any

type started struct{ keys []lease.Key }

// readAnswer reads the first frame of a lender.
func readAnswer(kind wire.Kind, payload []byte) (lease.Grant, error) {
	var g lease.Grant
	switch kind {
	case lease.KindGrant:
		if err := wire.Decode(payload, &g); err != nil {
			return g, asBreach(err)
		}
		return g, nil
	case lease.KindRefuse:
		no := &refusal{}
		if err := wire.Decode(payload, &no.Refuse); err != nil {
			return g, asBreach(err)
		}
		no.Msg = clip(oneLine(no.Msg), 200)
		return g, no
	}
	return g, asBreach(wire.UnknownKind(kind))
}

// decode reads a frame that a lender sends under a lease. Its error is a breach.
func decode(kind wire.Kind, payload []byte, live bool) (message, error) {
	switch kind {
	case lease.KindUpdate:
		return decodeAs[lease.Share](payload)
	case lease.KindStarted:
		m, err := decodeAs[lease.Keys](payload)
		if err != nil {
			return nil, err
		}
		return started{m.Keys}, few("started", len(m.Keys), maxKeys)
	case lease.KindFinished:
		m, err := decodeAs[lease.Finished](payload)
		if err != nil {
			return nil, err
		}
		if err := few("results", len(m.Results), lease.MaxBatch); err != nil {
			return nil, err
		}
		for i := range m.Results {
			if err := checkResult(&m.Results[i]); err != nil {
				return nil, err
			}
		}
		return m, nil
	case lease.KindGivenBack:
		m, err := decodeAs[lease.GivenBack](payload)
		if err != nil {
			return nil, err
		}
		return m, few("given back", len(m.Keys), maxKeys)
	case lease.KindOutput:
		if !live {
			return nil, &breach{"it sent live output that nobody asked for"}
		}
		m, err := decodeAs[lease.Output](payload)
		if err == nil && m.Stream != "stdout" && m.Stream != "stderr" {
			err = &breach{"live output of neither stdout nor stderr"}
		}
		return m, err
	case lease.KindRenewed:
		return nil, nil
	}
	return nil, asBreach(wire.UnknownKind(kind))
}

func decodeAs[T any](payload []byte) (T, error) {
	var m T
	if err := wire.Decode(payload, &m); err != nil {
		return m, asBreach(err)
	}
	return m, nil
}

func few(what string, n, most int) error {
	if n > most {
		return &breach{fmt.Sprintf("%d %s in one message, at most %d", n, what, most)}
	}
	return nil
}

// checkResult refuses what no honest lender sends and bounds the rest. Paths
// matter most: results are written below a folder of the user's.
func checkResult(r *lease.Result) error {
	if err := few("files of a task", len(r.Files), maxFiles); err != nil {
		return err
	}
	seen := make(map[string]bool, len(r.Files))
	for i := range r.Files {
		f := &r.Files[i]
		switch why := localPath(f.Path); {
		case why != "" || len(f.Path) > maxPathLen:
			return &breach{fmt.Sprintf("an output path that %s", why)}
		case seen[f.Path]:
			return &breach{"an output path twice in one result"}
		case f.Blob.IsZero() || f.Size < 0 || f.Size > maxBytes:
			return &breach{"an output file without content"}
		}
		seen[f.Path] = true
		f.Mode &= 0o777
	}
	for _, s := range []*api.Stream{&r.Stdout, &r.Stderr} {
		switch {
		case len(s.Inline) > lease.InlineOutput:
			return &breach{fmt.Sprintf("%d bytes of output inside a result, at most %d", len(s.Inline), lease.InlineOutput)}
		case len(s.Inline) > 0 && !s.Blob.IsZero():
			return &breach{"output both inside a result and beside it"}
		case s.Blob.IsZero():
			s.Size = int64(len(s.Inline))
		case s.Size <= 0 || s.Size > maxBytes:
			return &breach{"output of an impossible size"}
		}
	}
	u := &r.Usage
	u.Wall, u.CPU = min(max(u.Wall, 0), maxTime), min(max(u.CPU, 0), maxTime)
	u.MaxMemory, u.BytesIn, u.BytesOut = min(max(u.MaxMemory, 0), maxBytes), min(max(u.BytesIn, 0), maxBytes), min(max(u.BytesOut, 0), maxBytes)
	r.Exit.Msg, r.Exit.Signal = clip(r.Exit.Msg, maxWords), clip(r.Exit.Signal, 40)
	r.Exit.Limit = api.Limit(clip(string(r.Exit.Limit), 40))
	return nil
}

// asBreach tells a lender that talks nonsense from a stream that broke.
func asBreach(err error) error {
	if api.KindOf(err) == api.KindCorrupt {
		return &breach{err.Error()}
	}
	return err
}

// read takes messages until the stream ends. Silence for TTL is an end too.
func (c *conn) read(st wire.Stream, r *wire.Reader) error {
	for {
		if err := st.SetReadDeadline(time.Now().Add(lease.TTL)); err != nil {
			return err
		}
		kind, payload, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		if err != nil {
			return asBreach(err)
		}
		m, err := decode(kind, payload, c.r.plan.spec.Live)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case lease.Share:
			c.e.event(c.r, func(s *sched, now time.Time) { s.onShare(c.id, m, now) })
		case started:
			c.e.event(c.r, func(s *sched, now time.Time) { s.onStarted(c.id, m.keys, now) })
		case lease.Finished:
			c.e.event(c.r, func(s *sched, now time.Time) { s.onFinished(c.id, m.Results, now) })
		case lease.GivenBack:
			c.e.event(c.r, func(s *sched, now time.Time) { s.onGivenBack(c.id, m.Keys, m.Cause, m.Reason, now) })
		case lease.Output:
			c.r.live.add(m)
		}
	}
}
