package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// decodeStrict reads JSON into out, a pointer to a struct, keeping what is
// already there for keys that the text lacks. Errors start with line:column.
func decodeStrict(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := checkKeys(dec, text, reflect.TypeOf(out).Elem(), ""); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return at(text, dec.InputOffset(), "there is text after the settings")
	}
	err := json.Unmarshal(text, out)
	var typ *json.UnmarshalTypeError
	var known *api.Error
	switch {
	case errors.As(err, &typ):
		return at(text, typ.Offset, "%s cannot be a %s", typ.Field, typ.Value).WithHint("it is a %s", typ.Type)
	case errors.As(err, &known):
		return known
	case err != nil:
		return api.Errorf(api.KindInvalid, "%w", err)
	}
	return nil
}

// checkKeys walks one JSON value beside the Go type it is for.
func checkKeys(dec *json.Decoder, text []byte, t reflect.Type, path string) error {
	tok, err := dec.Token()
	if err != nil {
		return syntax(text, dec, err)
	}
	switch tok {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			keyTok, err := dec.Token()
			if err != nil {
				return syntax(text, dec, err)
			}
			key := keyTok.(string) // the decoder gives nothing else here
			full := strings.TrimPrefix(path+"."+key, ".")
			offset := dec.InputOffset()
			if seen[key] {
				return at(text, offset, "%s stands here twice", full)
			}
			seen[key] = true
			next := elemOf(t)
			if t != nil && t.Kind() == reflect.Struct {
				f, ok := fieldByKey(t, key)
				if !ok {
					return at(text, offset, "unknown key %s", full).WithHint("%s", suggest.Hint(key, keysOf(t)))
				}
				next = f.Type
			}
			if err := checkKeys(dec, text, next, full); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	case json.Delim('['):
		for dec.More() {
			if err := checkKeys(dec, text, elemOf(t), path); err != nil {
				return err
			}
		}
		_, err = dec.Token()
	case nil:
		return at(text, dec.InputOffset(), "%s is null", path).WithHint("leave the key out to get its default")
	}
	if err != nil {
		return syntax(text, dec, err)
	}
	return nil
}

func elemOf(t reflect.Type) reflect.Type {
	if t == nil || (t.Kind() != reflect.Map && t.Kind() != reflect.Slice) {
		return nil
	}
	return t.Elem()
}

// fieldByKey finds the field of a JSON key.
func fieldByKey(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// keysOf lists a struct's JSON keys.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}

func syntax(text []byte, dec *json.Decoder, err error) error {
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return at(text, se.Offset, "not JSON: %s", se)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return at(text, int64(len(text)), "not JSON: the text ends too early")
	}
	return at(text, dec.InputOffset(), "not JSON: %s", err)
}

// at is an error at a byte offset of text.
func at(text []byte, offset int64, format string, args ...any) *api.Error {
	before := text[:min(max(offset, 0), int64(len(text)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	col := len(before) - bytes.LastIndexByte(before, '\n')
	if col > 1 {
		col-- // the offset is just behind what it is about
	}
	args = append([]any{line, col}, args...)
	return api.Errorf(api.KindInvalid, "%d:%d: "+format, args...)
}
