package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// stager is the node's knowledge of which inputs the sandbox holds: those of the
// last command. What tasks share is sent once; what one task alone needs does not
// take room beside the next one's, so that what a task may use of the disk does
// not depend on who ran before it.
type stager struct {
	next  uint64
	byKey map[string]*kept // by Source
}

type kept struct {
	id   uint64
	size int64
	seq  uint64 // of the last command that uses it
}

func newStager() stager { return stager{byKey: make(map[string]*kept)} }

// send stages what files need and answers with the references for exec. Nothing
// is flushed: it leaves with the command.
func (s *stager) send(c *Client, files []File) (staged int64, refs []fileRef, err error) {
	c.mu.Lock()
	seq := c.seq + 1
	c.mu.Unlock()
	for _, f := range files {
		if _, err := cleanPath(f.Path); err != nil {
			return 0, nil, err
		}
		if k := s.byKey[f.Source]; k != nil {
			k.seq = seq
		}
	}
	if err := s.forget(c, seq); err != nil {
		return 0, nil, err
	}
	for _, f := range files {
		k := s.byKey[f.Source]
		if k == nil {
			if k, err = s.put(c, f, seq); err != nil {
				return staged, nil, err
			}
			staged += f.Size
		}
		if k.size != f.Size {
			return staged, nil, api.Errorf(api.KindCorrupt, "input %s has %d bytes, %d were announced", f.Path, k.size, f.Size)
		}
		refs = append(refs, fileRef{Path: f.Path, ID: k.id, Mode: f.Mode & 0o777})
	}
	return staged, refs, nil
}

func (s *stager) put(c *Client, f File, seq uint64) (*kept, error) {
	src, err := os.Open(f.Source)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", f.Path, err)
	}
	defer src.Close()
	s.next++
	k := &kept{id: s.next, size: f.Size, seq: seq}
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
	s.byKey[f.Source] = k
	return k, nil
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

// forget drops what command seq does not use.
func (s *stager) forget(c *Client, seq uint64) error {
	var ids []uint64
	for source, k := range s.byKey {
		if k.seq != seq {
			delete(s.byKey, source)
			ids = append(ids, k.id)
		}
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
