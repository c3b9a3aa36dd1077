package door

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Handler is a typed handler; [Get], [Do], [Stream], [Upload] and [Download]
// make one. In's fields are path, query and body as huma's tags say.
type Handler struct {
	register func(huma.API, huma.Operation)
}

// None is the input of a route without any.
type None struct{}

type reply[T any] struct{ Body T }

// Get answers with a T as JSON.
func Get[In, T any](fn func(ctx context.Context, in *In) (T, error)) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*reply[T], error) {
			out, err := fn(ctx, in)
			if err != nil {
				return nil, failed(ctx, op, err)
			}
			return &reply[T]{out}, nil
		})
	}}
}

// Do answers with nothing but that it was done.
func Do[In any](fn func(ctx context.Context, in *In) error) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*struct{}, error) {
			if err := fn(ctx, in); err != nil {
				return nil, failed(ctx, op, err)
			}
			return nil, nil
		})
	}}
}

// Upload reads the body as raw bytes of a content type and answers with a T.
func Upload[In, T any](contentType string, fn func(ctx context.Context, in *In, body io.Reader) (T, error)) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			contentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}}
		limit := op.MaxBodyBytes
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*reply[T], error) {
			x := exchangeOf(ctx)
			out, err := fn(ctx, in, http.MaxBytesReader(x.w, x.r.Body, limit))
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				err = api.Errorf(api.KindTooLarge, "more than %d bytes in one upload", tooLarge.Limit)
			}
			if err != nil {
				return nil, failed(ctx, op, err)
			}
			return &reply[T]{out}, nil
		})
	}}
}

// Download lets fn write the answer itself, once it knows that there is one:
// an error it returns before it wrote anything becomes a problem.
func Download[In any](contentType string, fn func(w http.ResponseWriter, r *http.Request, in *In) error) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		schema := &huma.Schema{Type: huma.TypeString, Format: "binary"}
		if contentType == "application/json" {
			schema = &huma.Schema{Type: huma.TypeObject}
		}
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{contentType: {Schema: schema}}}}
		op.DefaultStatus = http.StatusOK
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*huma.StreamResponse, error) {
			x := exchangeOf(ctx)
			if err := fn(x.w, x.r, in); err != nil {
				if x.w.begun {
					x.d.problem(ctx, op.Method+" "+op.Path, err)
					panic(http.ErrAbortHandler) // half an answer must not look whole
				}
				return nil, failed(ctx, op, err)
			}
			return &huma.StreamResponse{Body: func(huma.Context) {}}, nil
		})
	}}
}

// Plain hands the request to a handler that knows nothing of this package. It
// stands in no document.
func Plain(handler http.Handler) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		h.Adapter().Handle(&op, func(ctx huma.Context) {
			x := exchangeOf(ctx.Context())
			x.r.Body = http.MaxBytesReader(x.w, x.r.Body, op.MaxBodyBytes)
			handler.ServeHTTP(x.w, x.r)
		})
	}}
}

// failed logs err and makes it what huma writes.
func failed(ctx context.Context, op huma.Operation, err error) error {
	return &problem{exchangeOf(ctx).d.problem(ctx, op.Method+" "+op.Path, err)}
}
