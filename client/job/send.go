package job

import (
	"encoding/json"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// write sends what is queued, and Renew, until the stream is closed or fails.
func (c *conn) write(st wire.Stream, w *wire.Writer, closed <-chan struct{}) {
	renew := time.NewTicker(lease.RenewEvery)
	defer renew.Stop()
	for {
		var err error
		select {
		case <-closed:
			return
		case <-renew.C:
			if err = st.SetWriteDeadline(time.Now().Add(lease.TTL)); err == nil {
				err = w.Send(lease.KindRenew, struct{}{})
			}
		case <-c.wake:
			c.mu.Lock()
			out := c.out
			c.out = nil
			c.mu.Unlock()
			if err = st.SetWriteDeadline(time.Now().Add(lease.TTL)); err == nil {
				err = c.send(w, out)
			}
		}
		if err != nil {
			c.e.log.Debug("write lease stream", "lease", c.id, "err", err)
			c.reset(st) // the reader ends the session
			return
		}
	}
}

// send writes messages, joining neighbours of one kind.
func (c *conn) send(w *wire.Writer, out []outgoing) error {
	for i := 0; i < len(out); {
		m := out[i]
		keys := m.keys
		for i++; i < len(out) && out[i].kind == m.kind && out[i].reason == m.reason && out[i].unbegun == m.unbegun; i++ {
			keys = append(keys, out[i].keys...)
		}
		var err error
		switch m.kind {
		case lease.KindAssign:
			err = c.sendTasks(w, keys)
		case lease.KindRelease:
			err = buffer(w, m.kind, struct{}{})
		default:
			for len(keys) > 0 && err == nil {
				n := min(len(keys), lease.MaxBatch)
				err = buffer(w, m.kind, m.payload(keys[:n]))
				keys = keys[n:]
			}
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

// payload is a message about keys.
func (m outgoing) payload(keys []lease.Key) any {
	if m.kind == lease.KindCancel {
		return lease.Cancel{Keys: keys, Reason: m.reason, Unbegun: m.unbegun}
	}
	return lease.Keys{Keys: keys}
}

// sendTasks renders tasks here, outside the engine's lock.
func (c *conn) sendTasks(w *wire.Writer, keys []lease.Key) error {
	var batch []byte
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		err := w.Buffer(lease.KindAssign, append(batch, `]}`...))
		batch, n = batch[:0], 0
		return err
	}
	for _, k := range keys {
		b, err := json.Marshal(c.r.plan.task(k))
		if err != nil {
			return err
		}
		if n == lease.MaxBatch || (n > 0 && len(batch)+len(b) > frameBytes) {
			if err := flush(); err != nil {
				return err
			}
		}
		if n == 0 {
			batch = append(batch, `{"tasks":[`...)
		} else {
			batch = append(batch, ',')
		}
		batch = append(batch, b...)
		n++
	}
	return flush()
}

func buffer(w *wire.Writer, kind wire.Kind, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Buffer(kind, b)
}
