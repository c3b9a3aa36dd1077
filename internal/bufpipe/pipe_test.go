package bufpipe

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestBytesArriveInOrderThroughASmallBuffer(t *testing.T) {
	a, b := Pair(7)
	want := bytes.Repeat([]byte("0123456789"), 1000)
	go func() {
		if _, err := a.Write(want); err != nil {
			t.Error(err)
		}
		if err := a.CloseWrite(); err != nil {
			t.Error(err)
		}
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := b.Write([]byte("back")); err != nil {
		t.Fatalf("the other way after a half-close: %v", err)
	}
	back := make([]byte, 4)
	if _, err := io.ReadFull(a, back); err != nil || string(back) != "back" {
		t.Fatalf("%q, %v", back, err)
	}
}

func TestWriteWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(4)
		done := false
		go func() {
			if _, err := a.Write([]byte("123456")); err != nil {
				t.Error(err)
			}
			done = true
		}()
		synctest.Wait()
		if done {
			t.Error("six bytes went into four")
		}
		if _, err := b.Read(make([]byte, 4)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !done {
			t.Error("the writer still waits")
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(1)
		for _, c := range []struct { // in this order: the write leaves a byte behind
			name string
			op   func() error
		}{
			{"read", func() error {
				if err := a.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
					return err
				}
				_, err := a.Read(make([]byte, 1))
				return err
			}},
			{"write", func() error {
				if err := b.SetDeadline(time.Now().Add(time.Second)); err != nil {
					return err
				}
				_, err := b.Write([]byte("12"))
				return err
			}},
		} {
			began := time.Now()
			if err := c.op(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%s: %v after %s", c.name, err, time.Since(began))
			}
		}
		if err := a.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("after the deadline was taken away: %d, %v", n, err)
		}
	})
}

func TestResetWakesBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair(1)
		errs := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := a.Write([]byte("12")); errs <- err }()
		synctest.Wait()
		if err := b.Reset(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrReset) {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestCloseEndsTheOtherSidesWriting(t *testing.T) {
	a, b := Pair(10)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("1")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write: %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
}

func TestPiecesOfEverySize(t *testing.T) {
	a, b := Pair(100)
	r := rand.New(rand.NewPCG(1, 2))
	var sent, got []byte
	for i := range 10_000 {
		piece := bytes.Repeat([]byte{byte(i)}, r.IntN(100-(len(sent)-len(got))+1))
		if _, err := a.Write(piece); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, piece...)
		buf := make([]byte, 1+r.IntN(120))
		if len(sent) > len(got) {
			n, err := b.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		if !bytes.Equal(got, sent[:len(got)]) {
			t.Fatalf("after %d pieces", i)
		}
	}
}
