package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestFramesRoundTrip(t *testing.T) {
	var buf bytes.Buffer
	w := wire.NewWriter(&buf, 1<<20)
	payloads := [][]byte{nil, {1}, bytes.Repeat([]byte("x"), 70_000), bytes.Repeat([]byte("y"), 1<<20), []byte("end")}
	for i, p := range payloads {
		if err := w.Buffer(wire.Kind(i+1), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(&buf, 1<<20)
	for i, p := range payloads {
		k, got, err := r.Next()
		if err != nil || k != wire.Kind(i+1) || !bytes.Equal(got, p) {
			t.Fatalf("frame %d: kind %d, %d bytes, %v", i, k, len(got), err)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Fatalf("at the end: %v, want EOF", err)
	}
}

// counted counts writes.
type counted int

func (c *counted) Write(p []byte) (int, error) {
	*c++
	return len(p), nil
}

func TestWholeFrameIsOneWrite(t *testing.T) {
	var writes counted
	w := wire.NewWriter(&writes, 1<<20)
	for range 3 {
		if err := w.Write(1, make([]byte, wire.Piece)); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 3 {
		t.Errorf("3 frames went in %d writes", writes)
	}
}

func TestFrameLimits(t *testing.T) {
	var head [5]byte
	binary.BigEndian.PutUint32(head[:4], 1<<31)
	_, _, err := wire.NewReader(bytes.NewReader(head[:]), 1<<20).Next()
	if !errors.Is(err, wire.ErrFrameTooLarge) || api.KindOf(err) != api.KindCorrupt {
		t.Fatalf("oversize frame read: %v", err)
	}
	err = wire.NewWriter(io.Discard, 10).Write(1, make([]byte, 11))
	if !errors.Is(err, wire.ErrFrameTooLarge) || api.KindOf(err) != api.KindTooLarge {
		t.Fatalf("oversize frame written: %v", err)
	}
}

func TestTruncatedFrameIsUnexpectedEOF(t *testing.T) {
	var buf bytes.Buffer
	if err := wire.NewWriter(&buf, 100).Write(7, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	whole := buf.Bytes()
	for n := 1; n < len(whole); n++ {
		if _, _, err := wire.NewReader(bytes.NewReader(whole[:n]), 100).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// A peer that announces a large frame and sends little must not make us allocate it.
func TestAnnouncedLengthCostsNothing(t *testing.T) {
	var head [5]byte
	binary.BigEndian.PutUint32(head[:4], wire.MaxFrame)
	got := testing.AllocsPerRun(1, func() {
		_, _, _ = wire.NewReader(bytes.NewReader(head[:]), wire.MaxFrame).Next()
	})
	before := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _, _ = wire.NewReader(bytes.NewReader(head[:]), wire.MaxFrame).Next()
		}
	}).AllocedBytesPerOp()
	if before > 300<<10 {
		t.Fatalf("a bare header of a %d byte frame cost %d bytes in %v allocations", wire.MaxFrame, before, got)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 'x'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := wire.NewReader(bytes.NewReader(in), 1<<10)
		total := 0
		for {
			_, p, err := r.Next()
			if err != nil {
				return
			}
			if total += 5 + len(p); total > len(in) {
				t.Fatalf("read %d bytes of frames from %d bytes", total, len(in))
			}
		}
	})
}
