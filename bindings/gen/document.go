package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is what the bindings need to know of the OpenAPI document.
type document struct {
	types  []record
	routes []route
}

// record is an object with fields.
type record struct {
	name   string
	fields []field
}

type field struct {
	name     string
	doc      string
	typ      typ
	required bool // stands in what is sent even when it says nothing
}

// typ is a type: one of the kinds, with what it holds.
type typ struct {
	kind string // string, bytes, time, int, float, bool, ref, list, map
	ref  string // of a ref
	of   *typ   // of a list or map
}

// route is an operation that the owner's door has.
type route struct {
	id, method, path, summary string
	params, query             []field
	body                      *typ   // JSON; nil: none
	raw                       string // the content type of a body of bytes
	optional                  bool   // the body may be left out
	answer                    answer
	result                    typ
}

// answer is the form of a route's answer.
type answer int

const (
	nothing answer = iota
	value          // JSON
	rows           // NDJSON
	octets         // as they are
	text           // JSON of any form
)

type schema struct {
	Ref                  string            `json:"$ref"`
	Type                 any               `json:"type"`
	Format               string            `json:"format"`
	Encoding             string            `json:"contentEncoding"`
	Description          string            `json:"description"`
	Items                *schema           `json:"items"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties json.RawMessage   `json:"additionalProperties"`
	Required             []string          `json:"required"`
}

type operation struct {
	ID         string `json:"operationId"`
	Summary    string `json:"summary"`
	Audience   string `json:"x-audience"`
	Parameters []struct {
		Name   string `json:"name"`
		In     string `json:"in"`
		Schema schema `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Required bool `json:"required"`
		Content  map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"responses"`
}

// read reads the document. What it does not understand is an error: a binding
// must not be silently less than the API.
func read(b []byte) (*document, error) {
	var raw struct {
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	d := &document{}
	for _, name := range slices.Sorted(maps.Keys(raw.Components.Schemas)) {
		s := raw.Components.Schemas[name]
		fields, err := fieldsOf(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d.types = append(d.types, record{name, fields})
	}
	for path, ops := range raw.Paths {
		for method, op := range ops {
			if op.Audience == "peer" || op.Responses["101"].Content != nil || len(op.Responses) == 2 && hasKey(op.Responses, "101") {
				continue // another door, or a stream that is not HTTP's any more
			}
			r, err := routeOf(strings.ToUpper(method), path, op)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", op.ID, err)
			}
			d.routes = append(d.routes, r)
		}
	}
	slices.SortFunc(d.routes, func(a, b route) int { return cmp.Compare(a.id, b.id) })
	return d, nil
}

func hasKey[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

func fieldsOf(s schema) ([]field, error) {
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		t, err := typeOf(s.Properties[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fields = append(fields, field{name, s.Properties[name].Description, t, slices.Contains(s.Required, name)})
	}
	return fields, nil
}

func typeOf(s schema) (typ, error) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return typ{kind: "ref", ref: name}, nil
	}
	kind, _ := s.Type.(string)
	if both, ok := s.Type.([]any); ok && len(both) == 2 && both[1] == "null" {
		kind, _ = both[0].(string)
	}
	switch {
	case kind == "string" && s.Encoding == "base64":
		return typ{kind: "bytes"}, nil
	case kind == "string" && s.Format == "date-time":
		return typ{kind: "time"}, nil
	case kind == "string":
		return typ{kind: "string"}, nil
	case kind == "integer":
		return typ{kind: "int"}, nil
	case kind == "number":
		return typ{kind: "float"}, nil
	case kind == "boolean":
		return typ{kind: "bool"}, nil
	case kind == "array" && s.Items != nil:
		of, err := typeOf(*s.Items)
		return typ{kind: "list", of: &of}, err
	case kind == "object" && len(s.AdditionalProperties) > 0:
		var of schema
		if err := json.Unmarshal(s.AdditionalProperties, &of); err != nil {
			return typ{}, err
		}
		t, err := typeOf(of)
		return typ{kind: "map", of: &t}, err
	}
	return typ{}, fmt.Errorf("a schema of type %v is not understood", s.Type)
}

func routeOf(method, path string, op operation) (route, error) {
	r := route{id: op.ID, method: method, path: path, summary: op.Summary}
	for _, p := range op.Parameters {
		t, err := typeOf(p.Schema)
		if err != nil {
			return r, err
		}
		f := field{p.Name, p.Schema.Description, t, p.In == "path"}
		if p.In == "path" {
			r.params = append(r.params, f)
		} else {
			r.query = append(r.query, f)
		}
	}
	if op.RequestBody != nil {
		r.optional = !op.RequestBody.Required
		for content, c := range op.RequestBody.Content {
			if content != "application/json" {
				r.raw = content
				continue
			}
			t, err := typeOf(c.Schema)
			if err != nil {
				return r, err
			}
			r.body = &t
		}
	}
	var err error
	for content, c := range op.Responses["200"].Content {
		switch {
		case content == "application/json" && c.Schema.Ref == "" && c.Schema.Items == nil:
			r.answer = text
		case content == "application/json":
			r.answer = value
			r.result, err = typeOf(c.Schema)
		case content == "application/x-ndjson":
			r.answer = rows
			r.result, err = typeOf(c.Schema)
		default:
			r.answer = octets
		}
	}
	return r, err
}
