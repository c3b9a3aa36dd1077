package server

import (
	"context"
	"fmt"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// capture keeps what a command prints: in memory while it is small, else in the
// store, through a pipe, so that a slow disk slows the command down. It also
// shows it to a borrower that watches.
type capture struct {
	ctx   context.Context
	blobs Blobs
	loan  *loan
	key   lease.Key
	name  string

	head []byte // while it fits inline
	size int64
	pipe *io.PipeWriter
	done chan spooled
	err  error // the machine's
}

type spooled struct {
	info api.BlobInfo
	err  error
}

// Write never fails for the command's sake alone: an error is the machine's.
func (c *capture) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.loan.live.Load() {
		if se := c.loan.out.Load(); se != nil {
			se.output(c.key, c.name, c.size, p)
		}
	}
	c.size += int64(len(p))
	if c.pipe == nil && c.size <= lease.InlineOutput {
		c.head = append(c.head, p...)
		return len(p), nil
	}
	if c.pipe == nil {
		c.spool()
		if _, err := c.pipe.Write(c.head); err != nil {
			return 0, c.failed(err)
		}
		c.head = nil
	}
	if _, err := c.pipe.Write(p); err != nil {
		return 0, c.failed(err)
	}
	return len(p), nil
}

func (c *capture) spool() {
	r, w := io.Pipe()
	c.pipe, c.done = w, make(chan spooled, 1)
	go func() { // close waits for it
		info, err := c.blobs.Put(c.ctx, r)
		r.CloseWithError(err) //nolint:errcheck // never fails
		c.done <- spooled{info, err}
	}()
}

func (c *capture) failed(err error) error {
	c.err = fmt.Errorf("%s cannot be kept here: %w", c.name, err)
	return c.err
}

// close ends the capture and says where the bytes are.
func (c *capture) close() (api.Stream, error) {
	if c.pipe == nil {
		return api.Stream{Inline: c.head, Size: c.size}, c.err
	}
	c.pipe.Close() //nolint:errcheck // never fails
	sp := <-c.done
	if c.err == nil && sp.err != nil {
		c.failed(sp.err) //nolint:errcheck // kept in c.err
	}
	return api.Stream{Blob: sp.info.ID, Size: c.size}, c.err
}
