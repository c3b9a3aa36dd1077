//go:build cgo && !windows

package lib

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// settings are what p2prc_configure takes.
type settings struct {
	Home   string          `json:"home"`
	Agent  []string        `json:"agent"`
	Config json.RawMessage `json:"config"`
}

func configure(n int64, text []byte) error {
	h, done, err := use(n)
	if err != nil {
		return err
	}
	defer done()
	var s settings
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || d.More() {
		return api.Errorf(api.KindInvalid, "the settings cannot be read: %v", err).WithHint(`like {"home": "/srv/farm", "config": {"name": "farm"}}`)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy || h.node != nil || h.client != nil {
		return api.Errorf(api.KindConflict, "the node is in use already").WithHint("configure it before anything else")
	}
	h.opts = abstractions.Options{Home: s.Home, Agent: s.Agent}
	if len(s.Config) > 0 {
		h.opts.Settings = s.Config
	}
	return nil
}

func start(n int64) error {
	h, done, err := use(n)
	if err != nil {
		return err
	}
	defer done()
	h.mu.Lock()
	if h.busy || h.runsLocked() {
		h.mu.Unlock()
		return api.Errorf(api.KindConflict, "the node runs already")
	}
	ended := h.node // by itself, or by p2prc down
	h.node, h.busy = nil, true
	h.mu.Unlock()
	var node *abstractions.Node
	if ended != nil {
		err = ended.Close()
	}
	if err == nil {
		node, err = abstractions.Open(h.ctx, h.opts)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.node, h.busy = node, false
	return err
}

func (h *handle) runsLocked() bool {
	if h.node == nil {
		return false
	}
	select {
	case <-h.node.Done():
		return false
	default:
		return true
	}
}

// api is the client of the node, or of whoever runs one in its home.
func (h *handle) api() (*api.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.node != nil:
		return h.node.Client, nil
	case h.client != nil:
		return h.client, nil
	}
	home := h.opts.Home
	if home == "" {
		var err error
		if home, err = config.Home(os.Getenv); err != nil {
			return nil, err
		}
	}
	socket, err := config.Socket(home)
	if err != nil {
		return nil, err
	}
	h.client = api.NewClient(socket)
	return h.client, nil
}

// maxAnswer bounds an answer that is held in memory; p2prc_stream has no bound.
const maxAnswer = 256 << 20

func call(n int64, method, target string, body []byte) ([]byte, error) {
	h, done, err := use(n)
	if err != nil {
		return nil, err
	}
	defer done()
	answer, err := h.send(method, target, body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	b, err := io.ReadAll(io.LimitReader(answer, maxAnswer+1))
	switch {
	case err != nil:
		return nil, h.broken(err)
	case len(b) > maxAnswer:
		return nil, api.Errorf(api.KindTooLarge, "the answer has more than %d bytes", maxAnswer).WithHint("read it with p2prc_stream")
	}
	return b, nil
}

// send asks a route. Bodies are JSON but for uploads.
func (h *handle) send(method, target string, body []byte) (io.ReadCloser, error) {
	client, err := h.api()
	if err != nil {
		return nil, err
	}
	var content string
	var r io.Reader
	path, _, _ := strings.Cut(target, "?")
	switch {
	case method == "POST" && path == "/v1/blobs":
		content = "application/octet-stream"
	case method == "POST" && (path == "/v1/trees" || path == "/v1/images"):
		content = "application/x-tar"
	case body != nil:
		content = "application/json"
	}
	if content != "" {
		r = bytes.NewReader(body)
	}
	resp, err := client.Do(h.ctx, method, target, content, r)
	if err != nil {
		return nil, h.broken(err)
	}
	return resp.Body, nil
}

// broken is the error of a call that a close may have ended.
func (h *handle) broken(err error) error {
	if h.ctx.Err() != nil {
		return api.Errorf(api.KindCanceled, "the node was closed")
	}
	if known := (*api.Error)(nil); errors.As(err, &known) {
		return err
	}
	return &api.Error{Kind: api.KindUnavailable, Msg: "the connection to the node broke", Err: err}
}
