package door

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const ndjsonType = "application/x-ndjson"

// patience is how long a row may wait for a reader that reads nothing.
const patience = 30 * time.Second

// Sink takes the rows of a stream.
type Sink[T any] struct {
	w     *answer
	enc   *json.Encoder
	rc    *http.ResponseController
	begun bool
}

// Open begins the answer before there is a row; errors after it can only be a last line.
func (s *Sink[T]) Open() error {
	if s.begun {
		return nil
	}
	s.begun = true
	s.w.Header().Set("Content-Type", ndjsonType)
	s.w.Header().Set("Cache-Control", "no-store")
	s.w.WriteHeader(http.StatusOK)
	return s.Flush()
}

// Send queues a row; Flush, a full buffer or the end of the stream sends it.
func (s *Sink[T]) Send(row T) error { return s.line(row) }

// Flush sends what is queued.
func (s *Sink[T]) Flush() error { return s.rc.Flush() }

func (s *Sink[T]) line(v any) error {
	if err := s.Open(); err != nil {
		return err
	}
	if err := s.deadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return s.enc.Encode(v)
}

// deadline bounds the next write where the transport can; one in memory cannot stall.
func (s *Sink[T]) deadline(t time.Time) error {
	if err := s.rc.SetWriteDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// Stream answers with NDJSON rows of T.
func Stream[In, T any](fn func(ctx context.Context, in *In, out *Sink[T]) error) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "one JSON value a line; a stream that failed ends with {\"problem\": ...}",
			Content:     map[string]*huma.MediaType{ndjsonType: {Schema: schemaOf[T](h)}},
		}}
		op.DefaultStatus = http.StatusOK
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*huma.StreamResponse, error) {
			x := exchangeOf(ctx)
			out := &Sink[T]{w: x.w, enc: json.NewEncoder(x.w), rc: http.NewResponseController(x.w)}
			out.enc.SetEscapeHTML(false)
			err := fn(ctx, in, out)
			if err != nil && !out.begun {
				return nil, failed(ctx, op, err)
			}
			if err != nil && ctx.Err() == nil {
				// When this cannot be written either, the reader sees a broken connection.
				err = out.line(api.StreamEnd{Problem: x.d.problem(ctx, op.Method+" "+op.Path, err)})
			} else if err == nil {
				err = out.Open() // a stream without rows is an answer too
			}
			if err == nil {
				err = out.deadline(time.Time{}) // the connection may be used again
			}
			if err != nil {
				panic(http.ErrAbortHandler) // nobody reads any more
			}
			return &huma.StreamResponse{Body: func(huma.Context) {}}, nil
		})
	}}
}
