package main

import (
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// hsWords makes words of an id or a field one name: submit-job is submitJob.
func hsWords(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '_' })
	for i, w := range words {
		if i > 0 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// hsField is a field's name, which begins with its type's: fields of all types
// share one scope.
func hsField(record, name string) string {
	upper := strings.IndexFunc(record, func(r rune) bool { return r < 'A' || r > 'Z' })
	n := max(1, upper-1) // GPU and GCResult too begin with small letters
	if upper < 0 {
		n = len(record)
	}
	words := hsWords(name)
	return strings.ToLower(record[:n]) + record[n:] + strings.ToUpper(words[:1]) + words[1:]
}

func hsType(t typ) string {
	switch t.kind {
	case "string":
		return "Text"
	case "bytes":
		return "Bytes"
	case "time":
		return "Maybe UTCTime"
	case "int":
		return "Int64"
	case "float":
		return "Double"
	case "bool":
		return "Bool"
	case "list":
		return "[" + hsType(*t.of) + "]"
	case "map":
		return "Map Text " + hsAtom(*t.of)
	}
	return t.ref
}

// hsAtom is a type as an argument of another.
func hsAtom(t typ) string {
	if s := hsType(t); !strings.Contains(s, " ") || strings.HasPrefix(s, "[") {
		return s
	}
	return "(" + hsType(t) + ")"
}

// hsFieldType is a field's type: what may be left out and is a record is a Maybe.
func hsFieldType(f field) string {
	if f.typ.kind == "ref" && !f.required {
		return "Maybe " + f.typ.ref
	}
	return hsType(f.typ)
}

func haskellTypes(d *document) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{-# LANGUAGE OverloadedStrings #-}
-- | The types of the API. %s
--
-- Fields are named for their type, so that all can be imported: 'jobSpecCommand'.
-- Make a value from 'blank'. What is blank is not sent unless the API requires it;
-- fields that this version does not know are ignored.
module P2PRC.Types where

import Data.Aeson
import Data.Int (Int64)
import Data.Map.Strict (Map)
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

import P2PRC.Json
`, byHand)
	for _, r := range d.types {
		fmt.Fprintf(&b, "\ndata %s = %s\n", r.name, r.name)
		var reads, blanks, writes []string
		for i, f := range r.fields {
			open := ","
			if i == 0 {
				open = "{"
			}
			name := hsField(r.name, f.name)
			fmt.Fprintf(&b, "  %s %s :: %s\n", open, name, hsFieldType(f))
			if f.doc != "" {
				fmt.Fprintf(&b, "    -- ^ %s\n", f.doc)
			}
			reads, blanks = append(reads, fmt.Sprintf("o ?: %q", f.name)), append(blanks, "blank")
			op := "=?"
			if f.required {
				op = "=!"
			}
			writes = append(writes, fmt.Sprintf("%q %s %s v", f.name, op, name))
		}
		fmt.Fprintf(&b, "  } deriving (Eq, Show)\n\n")
		fmt.Fprintf(&b, "instance Blank %s where\n  blank = %s %s\n\n", r.name, r.name, strings.Join(blanks, " "))
		fmt.Fprintf(&b, "instance FromJSON %s where\n  parseJSON = withObject %q $ \\o -> %s\n    <$> %s\n\n", r.name, r.name, r.name, strings.Join(reads, "\n    <*> "))
		fmt.Fprintf(&b, "instance ToJSON %s where\n  toJSON v = object $ concat\n    [ %s\n    ]\n", r.name, strings.Join(writes, "\n    , "))
	}
	return []byte(b.String())
}

func haskellKinds() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{-# LANGUAGE OverloadedStrings #-}
-- | The kinds of errors. %s
module P2PRC.Kind (Kind (..), kindOf, kindOfStatus) where

import Data.Text (Text)

-- | What went wrong. The list only grows; a newer node's kind is 'Unknown'.
data Kind
`, byHand)
	for i, k := range api.Kinds() {
		sep := "|"
		if i == 0 {
			sep = "="
		}
		fmt.Fprintf(&b, "  %s %s\n", sep, pyClass(string(k)))
	}
	b.WriteString("  | Unknown Text\n  deriving (Eq, Show)\n\n-- | A kind by its name in the API.\nkindOf :: Text -> Kind\n")
	for _, k := range api.Kinds() {
		fmt.Fprintf(&b, "kindOf %q = %s\n", k, pyClass(string(k)))
	}
	b.WriteString("kindOf other = Unknown other\n\n-- | A kind by the number that the C library answers.\nkindOfStatus :: Int -> Kind\n")
	for i, k := range api.Kinds() {
		fmt.Fprintf(&b, "kindOfStatus %d = %s\n", i+1, pyClass(string(k)))
	}
	b.WriteString("kindOfStatus _ = Internal\n")
	return []byte(b.String())
}

func haskellRoutes(d *document) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{-# LANGUAGE OverloadedStrings #-}
-- | The routes of the API as functions. %s
--
-- Import it qualified: @import qualified P2PRC.Routes as Node@. Arguments of a path
-- are what a person types: names and unique parts of ids. A 'Query' is named
-- values, as @[("follow", "true")]@; its names stand at the function.
module P2PRC.Routes where

import Data.Aeson (Value)
import Data.ByteString (ByteString)
import Data.Int (Int64)
import Data.Map.Strict (Map)
import Data.Text (Text)

import P2PRC.Client
import P2PRC.Types
`, byHand)
	for _, r := range d.routes {
		types, args := []string{"Client"}, []string{"c"}
		path := []string{}
		rest := r.path
		for _, p := range r.params {
			before, after, _ := strings.Cut(rest, "{"+p.name+"}")
			name := "p" + strings.ToUpper(p.name[:1]) + p.name[1:]
			types, args = append(types, hsType(p.typ)), append(args, name)
			path = append(path, fmt.Sprintf("%q", before), "segment "+name)
			rest = after
		}
		if rest != "" {
			path = append(path, fmt.Sprintf("%q", rest))
		}
		query, body := "[]", "nobody"
		if len(r.query) > 0 {
			types, args, query = append(types, "Query"), append(args, "q"), "q"
		}
		switch {
		case r.raw != "":
			types, args, body = append(types, "ByteString"), append(args, "b"), fmt.Sprintf("(raw %q b)", r.raw)
		case r.optional:
			types, args, body = append(types, "Maybe "+r.body.ref), append(args, "b"), "(maybe nobody json b)"
		case r.body != nil:
			types, args, body = append(types, hsType(*r.body)), append(args, "b"), "(json b)"
		}
		call, result := "done", "()"
		switch r.answer {
		case value:
			call, result = "value", hsAtom(r.result)
		case text:
			call, result = "value", "Value"
		case octets:
			call, result = "bytes", "ByteString"
		case rows:
			call = "rows"
			types, args = append(types, "("+hsType(r.result)+" -> IO Bool)"), append(args, "each")
		}
		name := hsWords(r.id)
		fmt.Fprintf(&b, "\n-- | %s.", r.summary)
		if len(r.query) > 0 {
			var names []string
			for _, q := range r.query {
				names = append(names, "@"+q.name+"@")
			}
			fmt.Fprintf(&b, " Query: %s.", strings.Join(names, ", "))
		}
		if r.answer == rows {
			b.WriteString(" Rows are handed out until one is answered with False.")
		}
		fmt.Fprintf(&b, "\n%s :: %s -> IO (Either Error %s)\n", name, strings.Join(types, " -> "), result)
		each := ""
		if r.answer == rows {
			each = " each"
		}
		fmt.Fprintf(&b, "%s %s = %s c (request %q (mconcat [%s]) %s %s)%s\n", name, strings.Join(args, " "), call, r.method, strings.Join(path, ", "), query, body, each)
	}
	return []byte(b.String())
}
