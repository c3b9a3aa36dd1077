package session

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is a writer whose content can be waited for.
type watched struct {
	mu   sync.Mutex // guards the rest
	buf  bytes.Buffer
	want map[string]chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	for text, seen := range w.want {
		if strings.Contains(w.buf.String(), text) {
			close(seen)
			delete(w.want, text)
		}
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func (w *watched) wait(t *testing.T, text string) {
	t.Helper()
	w.mu.Lock()
	seen := w.want[text]
	w.mu.Unlock()
	if seen == nil {
		return
	}
	select {
	case <-seen:
	case <-time.After(20 * time.Second):
		t.Fatalf("%q did not come: %q", text, w.String())
	}
}
