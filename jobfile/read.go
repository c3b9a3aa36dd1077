package jobfile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// reader reads one file's tree and remembers where each value stood.
type reader struct {
	file string
	text []byte
	at   map[string]mark // by key: "command[1]", "each.frame"
}

// parse is the file's one document.
func (r *reader) parse() (ast.Node, error) {
	if !utf8.Valid(r.text) {
		return nil, r.fail(mark{1, 1}, "save it as UTF-8 text", "the file is not UTF-8 text")
	}
	file, err := parser.ParseBytes(r.text, 0)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil {
			return nil, r.fail(markOf(ye.GetToken()), "", "not YAML: %s", strings.TrimSpace(ye.GetMessage()))
		}
		return nil, r.fail(mark{1, 1}, "", "not YAML: %s", err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, r.fail(place(doc.Body), "one job to a file", "a second document starts here")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, r.fail(mark{1, 1}, "at least: command: [program, argument]", "the file is empty")
	}
	return body, nil
}

func markOf(t *token.Token) mark {
	if t == nil || t.Position == nil {
		return mark{1, 1}
	}
	return mark{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// place is where a node starts: for a mapping, its first key.
func place(n ast.Node) mark {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return place(n.Values[0])
		}
	case *ast.MappingValueNode:
		return markOf(n.Key.GetToken())
	case *ast.SequenceNode:
		return markOf(n.Start)
	case *ast.LiteralNode:
		return markOf(n.Start)
	}
	return markOf(n.GetToken())
}

// kind is a node's type in words.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "empty"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias, which job files do not use"
	}
	return "something that job files do not use"
}

func (r *reader) mismatch(n ast.Node, key, want, hint string) error {
	return r.fail(place(n), hint, "%s is %s, want %s", key, kind(n), want)
}

// pairs are a mapping's keys and values in order.
func (r *reader) pairs(n ast.Node, key, want string) ([]*ast.MappingValueNode, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	}
	return nil, r.mismatch(n, key, want, "")
}

// object reads a mapping with known keys into out.
func (r *reader) object(n ast.Node, prefix string, fields []field, out *Job) error {
	name := strings.TrimSuffix(prefix, ".")
	if name == "" {
		name = "the file"
	}
	pairs, err := r.pairs(n, name, "a mapping of keys to values")
	if err != nil {
		return err
	}
	for _, p := range pairs {
		k := p.Key.GetToken().Value
		f := find(fields, k)
		if f == nil {
			return r.fail(place(p), didYouMean(k, keys(fields)), "unknown key %s", prefix+k)
		}
		if _, empty := p.Value.(*ast.NullNode); empty {
			return r.fail(place(p), "leave the key out, or give it a value", "%s has no value", prefix+k)
		}
		r.at[prefix+k] = place(p.Value)
		if err := f.read(r, p.Value, prefix+k, out); err != nil {
			return err
		}
	}
	return nil
}

func didYouMean(typed string, words []string) string {
	if w := suggest.Closest(typed, words); w != "" {
		return "did you mean " + w + "?"
	}
	return "known here: " + strings.Join(words, ", ")
}

// text reads text; numbers and true/false are taken as they are written.
func (r *reader) textOf(n ast.Node, key string) (string, error) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", r.mismatch(n, key, "text", "")
}

// list reads a list of texts.
func (r *reader) list(n ast.Node, key string) ([]string, error) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil, r.mismatch(n, key, "a list", "write it like ["+clip(strings.TrimSpace(n.String()), 40)+"]")
	}
	out := make([]string, 0, len(seq.Values))
	for i, v := range seq.Values {
		k := fmt.Sprintf("%s[%d]", key, i)
		s, err := r.textOf(v, k)
		if err != nil {
			return nil, err
		}
		r.at[k] = place(v)
		out = append(out, s)
	}
	return out, nil
}

func (r *reader) number(n ast.Node, key string, lo, hi float64) (float64, error) {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
	default:
		return 0, r.mismatch(n, key, "a number", "")
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n.GetToken().Value, "_", ""), 64)
	if err != nil || math.IsNaN(f) || f < lo || f > hi {
		return 0, r.fail(place(n), "", "%s is %s, want a number from %g to %g", key, n.GetToken().Value, lo, hi)
	}
	return f, nil
}

func (r *reader) whole(n ast.Node, key string, lo, hi int) (int, error) {
	f, err := r.number(n, key, float64(lo), float64(hi))
	if err == nil && f != math.Trunc(f) {
		return 0, r.fail(place(n), "", "%s is %g, want a whole number", key, f)
	}
	return int(f), err
}

func (r *reader) yes(n ast.Node, key string) (bool, error) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		return false, r.mismatch(n, key, "true or false", "")
	}
	return b.Value, nil
}

func (r *reader) bytes(n ast.Node, key string) (int64, error) {
	s, err := r.textOf(n, key)
	if err != nil {
		return 0, err
	}
	b, err := size.Parse(s)
	if err != nil {
		return 0, r.fail(place(n), "like 512MiB or 20GiB", "%s: %s", key, err)
	}
	return b, nil
}

func (r *reader) duration(n ast.Node, key string) (api.Duration, error) {
	s, err := r.textOf(n, key)
	if err != nil {
		return 0, err
	}
	var d api.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return 0, r.fail(place(n), "like 90s, 5m or 2h30m", "%s: %s", key, err)
	}
	return d, nil
}

// dict reads a mapping of names to texts.
func (r *reader) dict(n ast.Node, key string) (map[string]string, error) {
	pairs, err := r.pairs(n, key, "a mapping of names to texts")
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(pairs))
	for _, p := range pairs {
		k := p.Key.GetToken().Value
		r.at[key+"."+k] = place(p.Value)
		if out[k], err = r.textOf(p.Value, key+"."+k); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
