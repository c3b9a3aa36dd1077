package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// StreamEnd is the last line of a stream that did not end well: an NDJSON
// answer has status 200 long before it fails. No other line has this key.
type StreamEnd struct {
	Problem Problem `json:"problem"`
}

var streamEndPrefix = []byte(`{"problem":`)

// stream is a GET whose answer is NDJSON; fn gets each row. It returns nil at
// the stream's proper end, fn's error as it is, and the node's error when the
// last line is a StreamEnd.
func stream[T any](ctx context.Context, c *Client, query url.Values, fn func(T) error, path ...string) error {
	resp, err := c.do(ctx, http.MethodGet, join(path), query, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachRow(ctx, c, resp.Body, fn)
}

// eachRow calls fn for each row of an NDJSON answer.
func eachRow[T any](ctx context.Context, c *Client, r io.Reader, fn func(T) error) error {
	return c.rows(ctx, r, func(line []byte) error {
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			return &Error{Kind: KindCorrupt, Msg: "the node's answer makes no sense here", Hint: "is the node another version than this program?", Err: err}
		}
		return fn(row)
	})
}

// rows calls fn for each line of r until its end or a StreamEnd. Empty lines
// keep a connection alive and mean nothing.
func (c *Client) rows(ctx context.Context, r io.Reader, fn func([]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 16<<10), maxStreamRow)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if bytes.HasPrefix(line, streamEndPrefix) {
			var end StreamEnd
			if err := json.Unmarshal(line, &end); err != nil {
				return &Error{Kind: KindCorrupt, Msg: "the stream's last line is malformed", Err: err}
			}
			return end.Problem.Err()
		}
		if err := fn(line); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case err == nil:
		return ctx.Err() // a canceled request may look like an end
	case errors.Is(err, bufio.ErrTooLong):
		return &Error{Kind: KindTooLarge, Msg: "a line of the stream is too long"}
	default:
		return c.broken(ctx, err)
	}
}
