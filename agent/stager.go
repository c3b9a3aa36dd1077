package agent

import (
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// What the node lets a sandbox keep; beyond it the longest unused go first.
const (
	maxKept      = 10_000
	maxKeptBytes = 4 << 30
)

// stager is the node's knowledge of which inputs the sandbox holds.
type stager struct {
	next  uint64
	bytes int64
	byKey map[string]*list.Element // Source -> kept
	used  *list.List               // of kept; the front was used last
}

type kept struct {
	source string
	id     uint64
	size   int64
	seq    uint64 // of the command that used it last
}

func newStager() stager {
	return stager{byKey: make(map[string]*list.Element), used: list.New()}
}

// send stages what files need and answers with the references for exec. Nothing
// is flushed: it leaves with the command.
func (s *stager) send(c *Client, files []File) (staged int64, refs []fileRef, err error) {
	c.mu.Lock()
	seq := c.seq + 1
	c.mu.Unlock()
	for _, f := range files {
		if _, err := cleanPath(f.Path); err != nil {
			return staged, nil, err
		}
		e, ok := s.byKey[f.Source]
		if !ok {
			if e, err = s.put(c, f); err != nil {
				return staged, nil, err
			}
			staged += f.Size
		}
		if e.Value.(*kept).size != f.Size {
			return staged, nil, api.Errorf(api.KindCorrupt, "input %s has %d bytes, %d were announced", f.Path, e.Value.(*kept).size, f.Size)
		}
		e.Value.(*kept).seq = seq
		s.used.MoveToFront(e)
		refs = append(refs, fileRef{Path: f.Path, ID: e.Value.(*kept).id, Mode: f.Mode & 0o777})
	}
	return staged, refs, s.evict(c, seq)
}

func (s *stager) put(c *Client, f File) (*list.Element, error) {
	src, err := os.Open(f.Source)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", f.Path, err)
	}
	defer src.Close()
	s.next++
	k := &kept{source: f.Source, id: s.next, size: f.Size}
	head, err := json.Marshal(put{ID: k.id, Size: f.Size})
	if err != nil {
		return nil, err
	}
	if err := c.w.Buffer(kindPut, head); err != nil {
		return nil, lost(err)
	}
	n, readErr, err := s.copy(c, src)
	if err != nil {
		return nil, lost(err)
	}
	if err := c.w.Buffer(kindData, nil); err != nil {
		return nil, lost(err)
	}
	if readErr == nil && n != f.Size {
		readErr = api.Errorf(api.KindCorrupt, "it has %d bytes, %d were announced", n, f.Size)
	}
	if readErr != nil {
		return nil, fmt.Errorf("input %s: %w", f.Path, readErr)
	}
	e := s.used.PushFront(k)
	s.byKey[f.Source] = e
	s.bytes += f.Size
	return e, nil
}

// copy keeps the source's errors apart from the stream's: the first kind leaves
// the stream in step.
func (s *stager) copy(c *Client, src io.Reader) (n int64, readErr, writeErr error) {
	buf := make([]byte, chunk)
	for {
		m, err := src.Read(buf)
		if m > 0 {
			if err := c.w.Buffer(kindData, buf[:m]); err != nil {
				return n, nil, err
			}
			n += int64(m)
		}
		if errors.Is(err, io.EOF) {
			return n, nil, nil
		}
		if err != nil {
			return n, err, nil
		}
	}
}

// evict forgets what was not used for longest, but nothing that command seq needs.
func (s *stager) evict(c *Client, seq uint64) error {
	var ids []uint64
	for s.used.Len() > maxKept || s.bytes > maxKeptBytes {
		e := s.used.Back()
		k := e.Value.(*kept)
		if k.seq == seq {
			break
		}
		s.used.Remove(e)
		delete(s.byKey, k.source)
		s.bytes -= k.size
		ids = append(ids, k.id)
	}
	if ids == nil {
		return nil
	}
	b, err := json.Marshal(drop{IDs: ids})
	if err != nil {
		return err
	}
	if err := c.w.Buffer(kindDrop, b); err != nil {
		return lost(err)
	}
	return nil
}
