package door

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Row is one line of the route table.
type Row struct {
	Method     string
	Path       string // with {names}, as net/http's ServeMux reads it
	Permission Permission
	Audience   Audience
	MaxBody    int64 // bytes; 0: no body is read
	ID         string
	Tag        string
	Summary    string
	Handler    Handler
}

// Name is the row in logs, refusals and the golden matrix: "GET /v1/status".
func (r Row) Name() string { return r.Method + " " + r.Path }

// Refusal is told for each request that was refused for who its caller is.
type Refusal func(who Who, route, reason string)

// Door serves rows to one audience.
type Door struct {
	kind    Audience
	mux     *http.ServeMux
	rows    map[string]Row // by Name
	log     *slog.Logger
	refused Refusal
}

// New makes the door of one kind (Owner or Peer) with the rows that stand
// behind it.
func New(kind Audience, rows []Row, log *slog.Logger, refused Refusal) *Door {
	d := &Door{kind: kind, mux: http.NewServeMux(), rows: map[string]Row{}, log: log.With("door", string(kind)), refused: refused}
	config := humaConfig("")
	config.OpenAPI.Components.Schemas = newRegistry()
	h := humago.New(d, config)
	for _, row := range rows {
		if row.Audience.on(kind) {
			d.rows[row.Name()] = row
			row.Handler.register(h, row.operation())
		}
	}
	return d
}

// HandleFunc makes the door the mux of huma's adapter: every handler is put
// behind the judgement of its row.
func (d *Door) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	row := d.rows[pattern]
	d.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		who := WhoOf(r.Context())
		if err := row.Permission.Decide(who); err != nil {
			d.refuse(w, who, row.Name(), err)
			return
		}
		h(w, r)
	})
}

// ServeHTTP answers one request. A panic in a handler becomes an answer and a
// log line; the node lives on.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &answer{ResponseWriter: w}
	ctx := context.WithValue(r.Context(), exchangeKey{}, &exchange{w: out, d: d})
	r = r.WithContext(ctx)
	ctx.Value(exchangeKey{}).(*exchange).r = r
	defer d.recover(out, r)
	// The mux would redirect an unclean path, and a redirect is a route nobody wrote down.
	if _, pattern := d.mux.Handler(r); pattern == "" || path.Clean(r.URL.EscapedPath()) != r.URL.EscapedPath() {
		who := WhoOf(ctx)
		err := api.Errorf(api.KindNotFound, "no such route behind the %s's door: %s %s", d.kind, r.Method, clip(r.URL.Path)).
			WithHint("the routes are listed by: GET /v1/openapi.json")
		if who.Owner {
			d.fail(out, r, err)
		} else {
			d.refuse(out, who, r.Method+" "+clip(r.URL.Path), err)
		}
		return
	}
	d.mux.ServeHTTP(out, r)
}

func (d *Door) recover(w *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler) // net/http's own way to drop a connection
	}
	d.log.Error("handler panicked", "route", r.Pattern, "caller", WhoOf(r.Context()).String(), "panic", v, "stack", string(debug.Stack()))
	if w.begun {
		panic(http.ErrAbortHandler) // half an answer must not look whole
	}
	d.fail(w, r, api.Errorf(api.KindInternal, "the node made a mistake").WithHint("its log says more"))
}

// refuse answers with err and tells who was refused.
func (d *Door) refuse(w http.ResponseWriter, who Who, route string, err error) {
	d.refused(who, route, err.Error())
	if who.Caller == (api.Caller{}) {
		w.Header().Set("Connection", "close")
	}
	writeProblem(w, api.ProblemOf(err, who.Owner))
}

// fail answers with err.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, d.problem(r.Context(), r.Method+" "+clip(r.URL.Path), err))
}

// problem logs err and gives its wire form for the request's caller.
func (d *Door) problem(ctx context.Context, route string, err error) api.Problem {
	who := WhoOf(ctx)
	p := api.ProblemOf(err, who.Owner)
	level := slog.LevelDebug
	if p.Kind == api.KindInternal {
		level = slog.LevelError
	}
	d.log.Log(ctx, level, "request failed", "route", route, "caller", who.String(), "kind", string(p.Kind), "err", err)
	return p
}

// exchange is a request with its answer, for handlers that need the raw ones.
type exchange struct {
	w *answer
	r *http.Request
	d *Door
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// answer remembers whether an answer has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader sends the status.
func (a *answer) WriteHeader(status int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(status)
}

// Write sends bytes of the body.
func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// operation is the row as huma describes it.
func (r Row) operation() huma.Operation {
	return huma.Operation{
		OperationID: r.ID, Method: r.Method, Path: r.Path, Summary: r.Summary, Tags: []string{r.Tag},
		MaxBodyBytes: max(r.MaxBody, 1), BodyReadTimeout: -1, // the doors' servers have their own deadlines
		Extensions: map[string]any{"x-audience": string(r.Audience), "x-permission": string(r.Permission)},
	}
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
