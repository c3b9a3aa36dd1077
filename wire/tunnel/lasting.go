package tunnel

import (
	"errors"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
)

const answerWait = 10 * time.Second // for an answer to go

// Lasting holds the connections that can be taken up, each by the member whose it is,
// at the end that was asked for them. Its zero value holds none.
type Lasting struct {
	mu sync.Mutex // guards by
	by map[claim]*resume.Conn
}

type claim struct {
	from  api.PeerID
	token string
}

// Keep lets a connection be taken up until forget is called.
func (l *Lasting) Keep(from api.PeerID, token string, conn *resume.Conn) (forget func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[claim]*resume.Conn{}
	}
	key := claim{from, token}
	l.by[key] = conn
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.by, key)
	}
}

// Resume lets a connection go on over st, whose first frame was again. It answers,
// and returns when the connection has left st.
func (l *Lasting) Resume(from api.PeerID, st wire.Stream, again Resume) error {
	l.mu.Lock()
	conn := l.by[claim{from, again.Token}]
	l.mu.Unlock()
	w := wire.NewWriter(st, MaxOpen)
	if conn == nil {
		_ = st.SetWriteDeadline(time.Now().Add(answerWait))
		return errors.Join(w.Send(KindFail, api.ProblemOf(api.Errorf(api.KindNotFound, "that connection is over"), false)), st.Close())
	}
	return conn.Resume(st, again.Got, func(got int64) error {
		_ = st.SetWriteDeadline(time.Now().Add(answerWait))
		defer func() { _ = st.SetWriteDeadline(time.Time{}) }()
		return w.Send(KindReady, Ready{Got: got})
	})
}

// Ask sends the first frame on a stream and reads the answer.
func Ask(st wire.Stream, kind wire.Kind, what any) (ready Ready, err error) {
	if err := wire.NewWriter(st, MaxOpen).Send(kind, what); err != nil {
		return ready, api.Errorf(api.KindUnavailable, "the connection to the peer broke: %w", err)
	}
	kind, payload, err := wire.ReadOne(st, MaxOpen)
	switch {
	case err != nil:
		return ready, api.Errorf(api.KindUnavailable, "the peer ended the connection: %w", err)
	case kind == KindReady:
		return ready, wire.Decode(payload, &ready)
	case kind != KindFail:
		return ready, wire.UnknownKind(kind)
	}
	var p api.Problem
	if err := wire.Decode(payload, &p); err != nil {
		return ready, err
	}
	return ready, p.Err()
}
