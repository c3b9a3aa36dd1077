package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// write sends what was taken from the queue, in an order that makes sense to who
// reads it: a task's beginning before its output, its output before its result.
func (se *session) write(ctx context.Context, o outbox) error {
	if err := se.st.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	var err error
	send := func(kind wire.Kind, v any) {
		b, jerr := json.Marshal(v)
		err = errors.Join(err, jerr)
		if err == nil {
			err = se.w.Buffer(kind, b)
		}
	}
	if o.grant != nil {
		send(lease.KindGrant, o.grant)
	}
	if o.renewed {
		send(lease.KindRenewed, struct{}{})
	}
	for keys := o.started; len(keys) > 0 && err == nil; {
		n := min(len(keys), lease.MaxBatch)
		send(lease.KindStarted, lease.Keys{Keys: keys[:n]})
		keys = keys[n:]
	}
	for _, b := range o.back {
		for keys := b.Keys; len(keys) > 0 && err == nil; {
			n := min(len(keys), lease.MaxBatch)
			send(lease.KindGivenBack, lease.GivenBack{Keys: keys[:n], Cause: b.Cause, Reason: b.Reason})
			keys = keys[n:]
		}
	}
	for _, l := range o.live {
		send(lease.KindOutput, l)
	}
	if err == nil {
		err = se.writeResults(ctx, o.results)
	}
	if o.share != nil {
		send(lease.KindUpdate, o.share)
	}
	if err != nil {
		return err
	}
	return se.w.Flush()
}

// writeResults sends results in frames of bounded size; the bodies that are not
// in memory are read back from the journal, a frame's worth at a time.
func (se *session) writeResults(ctx context.Context, rs []outgoing) error {
	for len(rs) > 0 {
		n, size := 0, 0
		var missing []lease.Key
		for n < len(rs) && n < lease.MaxBatch && (n == 0 || size+rs[n].size <= frameBytes) {
			size += rs[n].size
			if rs[n].body == nil {
				missing = append(missing, rs[n].key)
			}
			n++
		}
		if len(missing) > 0 {
			if err := se.fill(ctx, rs[:n], missing); err != nil {
				return err
			}
		}
		frame := append(make([]byte, 0, size+n+16), `{"results":[`...)
		empty := len(frame)
		for i := range rs[:n] {
			if len(rs[i].body) == 0 {
				continue // acknowledged or dropped in the meantime
			}
			if len(frame) > empty {
				frame = append(frame, ',')
			}
			frame = append(frame, rs[i].body...)
			rs[i].body = nil
		}
		rs = rs[n:]
		if len(frame) == empty {
			continue
		}
		if err := se.w.Buffer(lease.KindFinished, append(frame, "]}"...)); err != nil {
			return err
		}
	}
	return nil
}

// fill reads the bodies of the missing keys back into rs.
func (se *session) fill(ctx context.Context, rs []outgoing, missing []lease.Key) error {
	rows, err := se.load(ctx, missing)
	if err != nil {
		return err
	}
	found := make(map[lease.Key][]byte, len(rows))
	for _, r := range rows {
		found[r.Key] = r.Result
	}
	for i := range rs {
		if rs[i].body == nil {
			rs[i].body = found[rs[i].key]
		}
	}
	return nil
}
