package resume

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

// rig is two ends and the stream between them, which can be broken.
type rig struct {
	near, far *Conn

	mu      sync.Mutex // guards what follows
	st      *bufpipe.End
	down    bool // no other stream can be opened
	streams int
	resumed sync.WaitGroup
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{}
	a, b := bufpipe.Pair(32 << 10)
	r.st = a
	r.far = Accepted(b)
	r.near = Dialed(a, r.reopen)
	t.Cleanup(func() {
		r.near.Reset()
		r.far.Reset()
		r.resumed.Wait()
	})
	return r
}

func (r *rig) reopen(_ context.Context, got int64) (wire.Stream, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return nil, 0, api.Errorf(api.KindUnavailable, "it is down")
	}
	a, b := bufpipe.Pair(32 << 10)
	theirs := make(chan int64)
	r.resumed.Go(func() { r.far.Resume(b, got, func(n int64) error { theirs <- n; return nil }) })
	r.st = a
	r.streams++
	return a, <-theirs, nil
}

// cut breaks the stream in use.
func (r *rig) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.st.Reset()
}

// send writes n bytes of a seed's to c, and ends.
func send(c *Conn, seed uint64, n int64) error {
	if _, err := io.CopyN(c, rand.NewChaCha8([32]byte{byte(seed)}), n); err != nil {
		return err
	}
	return c.CloseWrite()
}

// keep is send without a copy, in pieces of all sizes.
func keep(c *Conn, seed uint64, n int64) error {
	for from, i := rand.NewChaCha8([32]byte{byte(seed)}), 0; n > 0; i++ {
		p := c.Piece()
		p = p[:min(int64(1+i*7919%len(p)), n)]
		from.Read(p)
		if err := c.Keep(p); err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return c.CloseWrite()
}

// read and give read all that comes, with a copy and without.
func read(to io.Writer, c *Conn) (int64, error) { return io.Copy(to, c) }

// giveSome does so too, and takes now all, now a part, now nothing of what comes without being waited for.
func give(to io.Writer, c *Conn) (n int64, err error) { return giveTo(to, c, nil) }

func giveSome(to io.Writer, c *Conn) (n int64, err error) {
	tries := 0
	return giveTo(to, c, func(p []byte) int {
		tries++
		p = p[:len(p)*(tries%3)/2]
		_, _ = to.Write(p) // sums, which do not fail
		return len(p)
	})
}

func giveTo(to io.Writer, c *Conn, try func([]byte) int) (n int64, err error) {
	counted := func(p []byte) int {
		took := try(p)
		n += int64(took)
		return took
	}
	if try == nil {
		counted = nil
	}
	err = c.Give(func(p []byte) error {
		n += int64(len(p))
		_, err := to.Write(p)
		return err
	}, counted)
	return n, err
}

func sumOf(seed uint64, n int64) []byte {
	h := sha256.New()
	io.CopyN(h, rand.NewChaCha8([32]byte{byte(seed)}), n)
	return h.Sum(nil)
}

// Both ways, ends included, arrive whole and once, however often the stream breaks.
func TestNothingIsLost(t *testing.T) {
	const size = 8 << 20
	for name, cuts := range map[string]int{"quiet": 0, "broken": 30, "quiet, tried": 0, "broken, tried": 30} {
		give := give
		if strings.HasSuffix(name, "tried") {
			give = giveSome
		}
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var cutter, ways sync.WaitGroup
			cutter.Go(func() {
				tick := time.NewTicker(300 * time.Microsecond)
				defer tick.Stop()
				for range cuts {
					<-tick.C
					r.cut()
				}
			})
			for seed, from := range []*Conn{r.near, r.far} {
				to := []*Conn{r.far, r.near}[seed]
				send, receive := []func(*Conn, uint64, int64) error{send, keep}[seed], []func(io.Writer, *Conn) (int64, error){give, read}[seed]
				ways.Go(func() {
					if err := send(from, uint64(seed), size); err != nil {
						t.Error(err)
					}
				})
				ways.Go(func() {
					h := sha256.New()
					n, err := receive(h, to)
					if err != nil || n != size || !bytes.Equal(h.Sum(nil), sumOf(uint64(seed), size)) {
						t.Errorf("%d bytes of %d, %v", n, size, err)
					}
				})
			}
			ways.Wait()
			cutter.Wait()
			var closing sync.WaitGroup
			closing.Go(func() { r.near.Close() })
			closing.Go(func() { r.far.Close() })
			closing.Wait()
			t.Logf("%d streams after the first", r.streams)
			if cuts > 0 && r.streams == 0 {
				t.Error("it never broke, which tells nothing")
			}
		})
	}
}

// What comes while nothing waits to be given is offered first, and only the rest wakes who waits.
func TestGiveOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var offered, given strings.Builder
		takes := 100
		over := make(chan error)
		go func() {
			over <- r.far.Give(func(p []byte) error {
				given.Write(p)
				return nil
			}, func(p []byte) int {
				p = p[:min(len(p), takes)]
				offered.Write(p)
				return len(p)
			})
		}()
		for _, step := range []struct {
			takes          int
			offered, given string
		}{{100, "abcd", ""}, {2, "abcdab", "cd"}, {0, "abcdab", "cdabcd"}, {100, "abcdababcd", "cdabcd"}} {
			synctest.Wait()
			takes = step.takes
			r.near.Write([]byte("abcd"))
			synctest.Wait()
			if offered.String() != step.offered || given.String() != step.given {
				t.Errorf("%q taken and %q given, want %q and %q", offered.String(), given.String(), step.offered, step.given)
			}
		}
		r.near.CloseWrite()
		if err := <-over; err != nil {
			t.Error(err)
		}
		r.far.CloseWrite()
		if _, err := r.near.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		var closing sync.WaitGroup
		closing.Go(func() { r.near.Close() })
		closing.Go(func() { r.far.Close() })
		closing.Wait()
	})
}

// What is kept takes little more memory than it has bytes, in whatever pieces it comes.
func TestRoom(t *testing.T) {
	for _, n := range []int{1 << 10, little, little + 1, maxData / 2, worth - 1, worth, wire.Piece} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				for p := r.near.Piece(); r.near.Keep(p[:n]) == nil; p = r.near.Piece() {
				}
			}()
			synctest.Wait() // until no more can be kept
			for name, q := range map[string]*queue{"sent": &r.near.out, "come": &r.far.in} {
				room := 0
				for _, c := range q.chunks {
					room += cap(c.b)
				}
				if held := int(q.to - q.from); held < minWindow/2 || room > held+held/7+2*maxData {
					t.Errorf("pieces of %d: %d bytes that were %s take %d", n, held, name, room)
				}
			}
			r.near.Reset()
			r.far.Reset()
			<-wrote
		})
	}
}

// What a reader does not take, a writer does not get rid of; and it does not hold up the other way.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		wrote := make(chan int64, 1)
		go func() {
			n, _ := io.CopyN(r.near, rand.NewChaCha8([32]byte{}), 64<<20)
			wrote <- n
		}()
		synctest.Wait() // all that can move has
		if held := r.far.in.to; held > minWindow || r.near.out.to > minWindow {
			t.Errorf("%d bytes came, %d are held, and nobody reads", held, r.near.out.to)
		}
		go send(r.far, 1, 8<<20)
		if n, err := io.Copy(io.Discard, r.near); err != nil || n != 8<<20 {
			t.Errorf("the other way: %d bytes, %v", n, err)
		}
		r.near.Reset()
		r.far.Reset()
		<-wrote
	})
}

// A connection that nobody takes up again is over at both ends after the time that it has.
func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.mu.Lock()
		r.down = true
		r.mu.Unlock()
		start := time.Now()
		r.cut()
		for name, c := range map[string]*Conn{"near": r.near, "far": r.far} {
			if _, err := c.Read(make([]byte, 1)); api.KindOf(err) != api.KindUnavailable {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(start); took < Grace || took > Grace+tryTime {
			t.Errorf("it took %s", took)
		}
	})
}

// A path that comes back in time is enough.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.mu.Lock()
		r.down = true
		r.mu.Unlock()
		r.cut()
		go r.near.Write([]byte("hello"))
		time.Sleep(Grace - 5*time.Second) // virtual
		r.mu.Lock()
		r.down = false
		r.mu.Unlock()
		b := make([]byte, 5)
		if _, err := io.ReadFull(r.far, b); err != nil || string(b) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

func TestResetIsTold(t *testing.T) {
	r := newRig(t)
	r.near.Reset()
	if _, err := r.far.Read(make([]byte, 1)); !errors.Is(err, errReset) {
		t.Errorf("read %v", err)
	}
	r = newRig(t)
	r.far.Reset()
	if _, err := r.near.Read(make([]byte, 1)); !errors.Is(err, errReset) {
		t.Errorf("read %v", err)
	}
	if r.streams > 0 {
		t.Error("it was taken up again")
	}
}

// Who sends more than it may, or acknowledges what was not sent, is cut off.
func TestLies(t *testing.T) {
	for name, say := range map[string]func(w *wire.Writer){
		"too much": func(w *wire.Writer) {
			for range minWindow/maxData + 1 {
				w.Write(kindData, make([]byte, maxData))
			}
		},
		"after the end":  func(w *wire.Writer) { w.Send(kindEnd, struct{}{}); w.Write(kindData, []byte("x")) },
		"two ends":       func(w *wire.Writer) { w.Send(kindEnd, struct{}{}); w.Send(kindEnd, struct{}{}) },
		"ahead":          func(w *wire.Writer) { w.Send(kindAck, ack{Read: 2, Limit: minWindow}) },
		"less than said": func(w *wire.Writer) { w.Send(kindAck, ack{Limit: minWindow - 1}) },
		"without bounds": func(w *wire.Writer) { w.Send(kindAck, ack{Limit: 1 << 60}) },
		"unknown":        func(w *wire.Writer) { w.Write(99, nil) },
	} {
		a, b := bufpipe.Pair(1 << 20)
		c := Accepted(b)
		say(wire.NewWriter(a, maxData))
		<-c.ctx.Done()
		if !errors.Is(c.err, errLies) {
			t.Errorf("%s: %v", name, c.err)
		}
		c.Reset()
	}
}

// Beyond what all may hold together a connection gets nothing, whatever the other end
// says that it takes; what it had is given back with it.
func TestNothingToSpare(t *testing.T) {
	defer spare.left.Store(spare.left.Load())
	for _, left := range []int64{0, minWindow, maxSpare} {
		spare.left.Store(left)
		synctest.Test(t, func(t *testing.T) {
			a, b := bufpipe.Pair(1 << 10)
			c := Accepted(b)
			wire.NewWriter(a, maxData).Send(kindAck, ack{Limit: maxWindow})
			go io.Copy(io.Discard, a) // until it is reset
			wrote := make(chan int64)
			go func() {
				n, _ := io.CopyN(c, rand.NewChaCha8([32]byte{}), 2*maxWindow)
				wrote <- n
			}()
			synctest.Wait() // nothing is acknowledged
			if got, want := c.out.to, min(maxWindow, minWindow+left); got != want {
				t.Errorf("%d bytes are held, want %d", got, want)
			}
			c.Reset()
			<-wrote
		})
		r := newRig(t)
		const size = 8 << 20
		var ways sync.WaitGroup
		for seed, from := range []*Conn{r.near, r.far} {
			to := []*Conn{r.far, r.near}[seed]
			ways.Go(func() { send(from, uint64(seed), size) })
			ways.Go(func() {
				if n, err := io.Copy(io.Discard, to); n != size || err != nil {
					t.Errorf("with %d to spare: %d bytes, %v", left, n, err)
				}
			})
		}
		ways.Wait()
		r.near.mu.Lock() // both: what acknowledges comes still
		r.far.mu.Lock()
		used, now := int64(0), spare.left.Load()
		for _, c := range []*Conn{r.near, r.far} {
			used += c.window + c.ahead - 2*minWindow
			c.mu.Unlock()
		}
		if used > left || now != left-used {
			t.Errorf("%d more are held of %d, and %d are left", used, left, now)
		}
		r.near.Reset()
		r.far.Reset()
		if now := spare.left.Load(); now != left {
			t.Errorf("%d of %d are left", now, left)
		}
	}
}

// An end that keeps little goes on with one that was told it may send much.
func TestLittleMeetsMuch(t *testing.T) {
	r := newRig(t)
	r.far.mu.Lock()
	spare.take(maxWindow - r.far.window)
	r.far.window = maxWindow
	r.far.mu.Unlock()
	rest := spare.left.Load()
	spare.take(rest)
	defer spare.give(rest)
	go send(r.near, 1, 16<<20)
	if n, err := io.Copy(io.Discard, r.far); n != 16<<20 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// What another end sends breaks nothing here.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03\x01hi\x00\x00\x00\x01\x03"))
	f.Add([]byte("\x00\x00\x00\x19\x02{\"read\":0,\"limit\":300000}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := bufpipe.Pair(1 << 20)
		c := Accepted(far)
		near.Write(b[:min(len(b), 1<<20)])
		near.CloseWrite()
		var read sync.WaitGroup
		read.Go(func() { io.Copy(io.Discard, c) })
		c.link.work.Wait() // all of it was taken
		c.Reset()
		read.Wait()
	})
}
