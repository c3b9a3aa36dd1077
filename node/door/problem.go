package door

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const problemType = "application/problem+json"

// problem is an error of a handler as huma writes it.
type problem struct {
	api.Problem
}

// GetStatus makes it huma's StatusError.
func (p *problem) GetStatus() int { return p.Status }

// Error makes it an error.
func (p *problem) Error() string { return p.Detail }

// ContentType is RFC 9457's.
func (p *problem) ContentType(string) string { return problemType }

func writeProblem(w http.ResponseWriter, p api.Problem) {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and an int
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // the caller may be gone, and nobody is left to tell
}

// oneProblem turns the errors huma makes itself (validation, body limits) into
// the house's. The values that were refused are not echoed: one may be a token.
func oneProblem(ctx huma.Context, status string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := api.Problem{Type: "about:blank", Status: e.Status, Kind: kindOf(e.Status), Detail: e.Detail}
	p.Title = string(p.Kind)
	if len(e.Errors) > 0 {
		const most = 5
		var parts []string
		for i, d := range e.Errors {
			if i == most {
				parts = append(parts, "and "+strconv.Itoa(len(e.Errors)-most)+" more")
				break
			}
			parts = append(parts, strings.TrimPrefix(d.Location+": "+d.Message, ": "))
		}
		p.Detail = strings.Join(parts, "; ")
	}
	switch e.Status {
	case http.StatusUnsupportedMediaType:
		p.Hint = "send JSON with the header Content-Type: application/json"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		p.Hint = "the request's form is described by GET /v1/openapi.json"
	}
	return p, nil
}

func kindOf(status int) api.Kind {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return api.KindTooLarge
	case http.StatusRequestTimeout:
		return api.KindTimeout
	case http.StatusInternalServerError:
		return api.KindInternal
	}
	return api.KindInvalid
}
