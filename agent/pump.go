package agent

import (
	"io"
	"sync"
)

// pump sends a command's stdin as far as the window allows, on a goroutine of
// its own, until the input ends or the command does.
type pump struct {
	c  *Client
	in io.Reader

	// writing is held while a frame is written, so that none leaves after stop.
	// It comes before mu, which is never held across a write: the agent may be
	// blocked until the node has read the credit that needs mu.
	writing sync.Mutex
	mu      sync.Mutex // guards the rest
	cond    *sync.Cond
	window  int
	stopped bool
}

func newPump(c *Client, in io.Reader) *pump {
	p := &pump{c: c, in: in, window: stdinWindow}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *pump) run() {
	buf := make([]byte, chunk)
	for {
		n, err := p.in.Read(buf)
		if n > 0 && !p.send(buf[:n]) {
			return
		}
		if err != nil { // an input that breaks ends; the command sees its end
			p.send(nil)
			return
		}
	}
}

// send tells whether there is anybody left to send to.
func (p *pump) send(b []byte) bool {
	p.mu.Lock()
	for p.window < len(b) && !p.stopped {
		p.cond.Wait()
	}
	p.window -= len(b) // before the write: its credit may come back first
	p.mu.Unlock()

	p.writing.Lock()
	defer p.writing.Unlock()
	return !p.isStopped() && p.c.w.Write(kindStdin, b) == nil
}

func (p *pump) isStopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *pump) credit(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= 0 || p.window+n > stdinWindow {
		return corrupt("credit of %d bytes that were not sent", n)
	}
	p.window += n
	p.cond.Signal()
	return nil
}

// stop returns when no further frame will leave. The agent reads again once its
// command has ended, so a write under way ends too.
func (p *pump) stop() {
	p.mu.Lock()
	p.stopped = true
	p.cond.Signal()
	p.mu.Unlock()
	p.writing.Lock()
	p.writing.Unlock() //lint:ignore SA2001 waiting is the point
}

// credit gives n bytes of window back. Without a pump the input left with the
// command, and nobody waits.
func (c *Client) credit(n int) error {
	c.mu.Lock()
	p := c.pump
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.credit(n)
}
