package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// Keys lists every key that Get and Set take, in the file's order, with its doc.
func Keys() []string {
	var keys []string
	walk(reflect.TypeFor[Config](), "", func(key string, _ reflect.StructField) { keys = append(keys, key) })
	return keys
}

// Doc is the doc of a key, empty where there is none.
func Doc(key string) string {
	var doc string
	walk(reflect.TypeFor[Config](), "", func(k string, f reflect.StructField) {
		if k == key {
			doc = f.Tag.Get("doc")
		}
	})
	return doc
}

func walk(t reflect.Type, prefix string, visit func(string, reflect.StructField)) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		visit(prefix+name, f)
		if f.Type.Kind() == reflect.Struct {
			walk(f.Type, prefix+name+".", visit)
		}
	}
}

// Get is the value of a dotted key ("listen.port", "labels.zone", "" for all) as JSON.
func (c Config) Get(key string) (json.RawMessage, error) {
	v, err := c.find(&c, key)
	if err != nil {
		return nil, err
	}
	if v.Kind() == reflect.Map && v.Type() != reflect.TypeFor[map[string]string]() {
		return nil, unknownKey(key)
	}
	b, err := json.MarshalIndent(v.Interface(), "", "  ")
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	return b, nil
}

// Set reads text into the value of a dotted key. Lists are separated by commas,
// sizes and durations are as people write them, an empty text for a label takes
// it away; tables and structs are JSON. The result is not validated.
func (c *Config) Set(key, text string) error {
	if name, ok := strings.CutPrefix(key, "labels."); ok && name != "" {
		labels := map[string]string{}
		for k, v := range c.Labels {
			labels[k] = v
		}
		labels[name] = text
		if text == "" {
			delete(labels, name)
		}
		c.Labels = labels
		return nil
	}
	v, err := c.find(c, key)
	if err != nil {
		return err
	}
	return setValue(v, key, text)
}

// find is the addressable value of key within root.
func (Config) find(root *Config, key string) (reflect.Value, error) {
	v := reflect.ValueOf(root).Elem()
	if key == "" {
		return v, nil
	}
	if name, ok := strings.CutPrefix(key, "labels."); ok {
		if text, set := root.Labels[name]; set {
			return reflect.ValueOf(text), nil
		}
		return v, api.Errorf(api.KindNotFound, "there is no label %s", name)
	}
	for part := range strings.SplitSeq(key, ".") {
		if v.Kind() != reflect.Struct {
			return v, unknownKey(key)
		}
		f, ok := fieldByKey(v.Type(), part)
		if !ok {
			return v, unknownKey(key)
		}
		v = v.FieldByIndex(f.Index)
	}
	return v, nil
}

func unknownKey(key string) error {
	err := api.Errorf(api.KindInvalid, "there is no setting %s", key)
	if k := suggest.Closest(key, Keys()); k != "" {
		return err.WithHint("did you mean %s?", k)
	}
	return err.WithHint("p2prc config get lists them all")
}

func setValue(v reflect.Value, key, text string) error {
	wrong := func(want string) *api.Error {
		return api.Errorf(api.KindInvalid, "%s: %q is not %s", key, text, want)
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *bool:
		words := []string{"true", "on", "yes", "1", "false", "off", "no", "0"}
		i := slices.Index(words, strings.ToLower(text))
		if i < 0 {
			return wrong("on or off")
		}
		*p = i < 4
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return wrong("a whole number")
		}
		*p = n
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return wrong("a number")
		}
		*p = f
	case *int64: // every int64 here counts bytes
		n, err := size.Parse(text)
		if err != nil {
			return wrong("a size").WithHint("like 512MiB or 20GiB")
		}
		*p = n
	case *size.Bytes:
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return wrong("a size").WithHint("like 512MiB or 20GiB")
		}
	case *api.Duration:
		if err := p.UnmarshalText([]byte(text)); err != nil {
			return wrong("a duration").WithHint("like 90s, 5m or 2h30m")
		}
	case *[]string:
		*p = list[string](text)
	case *[]api.RuntimeName:
		*p = list[api.RuntimeName](text)
	default:
		fresh := reflect.New(v.Type())
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(fresh.Interface()); err != nil || dec.More() {
			return wrong("the JSON it takes").WithHint("look at: p2prc config get %s", key)
		}
		v.Set(fresh.Elem())
	}
	return nil
}

func list[S ~string](text string) []S {
	out := []S{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, S(item))
		}
	}
	return out
}
