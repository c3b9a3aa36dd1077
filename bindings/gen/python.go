package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const byHand = "Generated from the node's OpenAPI document by bindings/gen; do not edit."

// pyReserved are the language's own words.
var pyReserved = strings.Fields("and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield")

func pyName(s string) string {
	s = strings.ReplaceAll(s, "-", "_")
	if slices.Contains(pyReserved, s) {
		return s + "_"
	}
	return s
}

func pyType(t typ) string {
	switch t.kind {
	case "list":
		return "List[" + pyType(*t.of) + "]"
	case "map":
		return "Dict[str, " + pyType(*t.of) + "]"
	case "ref":
		return t.ref
	case "string":
		return "str"
	case "time":
		return "datetime"
	}
	return t.kind
}

// pyDefault is what a field is when nobody says.
func pyDefault(t typ) (typeName, def string) {
	switch t.kind {
	case "list":
		return pyType(t), "field(default_factory=list)"
	case "map":
		return pyType(t), "field(default_factory=dict)"
	case "string":
		return "str", `""`
	case "bytes":
		return "bytes", `b""`
	case "int":
		return "int", "0"
	case "float":
		return "float", "0.0"
	case "bool":
		return "bool", "False"
	}
	return "Optional[" + pyType(t) + "]", "None"
}

func pythonTypes(d *document) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `"""The types of the API. %s"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Dict, FrozenSet, List, Optional

from ._model import Model

`, byHand)
	for _, r := range d.types {
		fmt.Fprintf(&b, "\n@dataclass(repr=False)\nclass %s(Model):\n", r.name)
		var required []string
		for _, f := range r.fields {
			if f.required {
				required = append(required, fmt.Sprintf("%q", f.name))
			}
		}
		if len(required) > 0 {
			fmt.Fprintf(&b, "    _required: ClassVar[FrozenSet[str]] = frozenset({%s})\n", strings.Join(required, ", "))
		}
		for _, f := range r.fields {
			name, def := pyDefault(f.typ)
			fmt.Fprintf(&b, "    %s: %s = %s", pyName(f.name), name, def)
			if f.doc != "" {
				fmt.Fprintf(&b, "  # %s", f.doc)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// pyClass is a kind's exception: not_found is NotFound.
func pyClass(kind string) string {
	var b strings.Builder
	for _, w := range strings.Split(kind, "_") {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

func pythonErrors() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `"""What can go wrong: one exception for each kind of error. %s"""

from __future__ import annotations

from typing import Dict, Optional, Type


class P2PRCError(Exception):
    """An error of a node, or on the way to it. kind is one of a closed list."""

    kind = "internal"

    def __init__(self, detail: str, hint: str = "", kind: Optional[str] = None):
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        if kind is not None:
            self.kind = kind

    def __str__(self) -> str:
        return f"{self.detail} (hint: {self.hint})" if self.hint else self.detail

`, byHand)
	for _, k := range api.Kinds() {
		fmt.Fprintf(&b, "\nclass %s(P2PRCError):\n    kind = %q\n\n", pyClass(string(k)), k)
	}
	b.WriteString("\nKINDS: Dict[str, Type[P2PRCError]] = {\n")
	for _, k := range api.Kinds() {
		fmt.Fprintf(&b, "    %q: %s,\n", k, pyClass(string(k)))
	}
	b.WriteString(`}


def of_problem(problem: Dict[str, object]) -> P2PRCError:
    """The exception that a problem of the API stands for."""
    kind = str(problem.get("kind") or "internal")
    detail = str(problem.get("detail") or kind)
    return KINDS.get(kind, P2PRCError)(detail, str(problem.get("hint") or ""), kind)
`)
	return []byte(b.String())
}

// pythonRoutes is a class with a method for each route.
func pythonRoutes(d *document, async bool) []byte {
	class, def, await, iter := "Routes", "def", "", "Iterator"
	if async {
		class, def, await, iter = "AsyncRoutes", "async def", "await ", "AsyncIterator"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `"""The routes of the API as methods. %s"""

from __future__ import annotations

from datetime import datetime
from typing import Any, %s, Dict, List, Optional
from urllib.parse import quote

from . import types as t


class %s:
    """Every route that a node's owner has. Arguments called peer, job or container
    are what a person types: names and unique parts of ids."""

`, byHand, iter, class)
	if async {
		b.WriteString("    async def _call(self, method: str, path: str, query: Any, body: Any, content: str, into: Any) -> Any:\n        raise NotImplementedError\n\n")
	} else {
		b.WriteString("    def _call(self, method: str, path: str, query: Any, body: Any, content: str, into: Any) -> Any:\n        raise NotImplementedError\n\n")
	}
	fmt.Fprintf(&b, "    def _rows(self, method: str, path: str, query: Any, body: Any, into: Any) -> Any:\n        raise NotImplementedError\n")
	for _, r := range d.routes {
		args, query, body := []string{"self"}, "None", "None"
		path := r.path
		for _, p := range r.params {
			args = append(args, pyName(p.name)+": "+pyBare(p.typ))
			path = strings.ReplaceAll(path, "{"+p.name+"}", `{quote(str(`+pyName(p.name)+`), safe="")}`)
		}
		content := ""
		switch {
		case r.raw != "":
			args, body, content = append(args, "body: Any"), "body", r.raw
		case r.body != nil:
			arg := "body: " + pyBare(*r.body)
			if r.optional {
				arg = "body: Optional[" + pyBare(*r.body) + "] = None"
			}
			args, body, content = append(args, arg), "body", "application/json"
		}
		if len(r.query) > 0 {
			args = append(args, "*")
			var pairs []string
			for _, q := range r.query {
				args = append(args, fmt.Sprintf("%s: Optional[%s] = None", pyName(q.name), pyBare(q.typ)))
				pairs = append(pairs, fmt.Sprintf("%q: %s", q.name, pyName(q.name)))
			}
			query = "{" + strings.Join(pairs, ", ") + "}"
		}
		literal := fmt.Sprintf("%q", path)
		if len(r.params) > 0 {
			literal = "f'" + path + "'"
		}
		result, into := "None", "None"
		switch r.answer {
		case value, rows:
			result, into = pyBare(r.result), pyBare(r.result)
		case octets:
			result, into = "bytes", "bytes"
		case text:
			result, into = "Any", "object"
		}
		if r.answer == rows {
			fmt.Fprintf(&b, "\n    def %s(%s) -> %s[%s]:\n        \"\"\"%s\"\"\"\n        return self._rows(%q, %s, %s, %s, %s)\n",
				pyName(r.id), strings.Join(args, ", "), iter, result, r.summary, r.method, literal, query, body, into)
			continue
		}
		fmt.Fprintf(&b, "\n    %s %s(%s) -> %s:\n        \"\"\"%s\"\"\"\n        return %sself._call(%q, %s, %s, %s, %q, %s)\n",
			def, pyName(r.id), strings.Join(args, ", "), result, r.summary, await, r.method, literal, query, body, content, into)
	}
	return []byte(b.String())
}

// pyBare is a type as the routes name it.
func pyBare(t typ) string {
	switch t.kind {
	case "ref":
		return "t." + t.ref
	case "list":
		return "List[" + pyBare(*t.of) + "]"
	case "map":
		return "Dict[str, " + pyBare(*t.of) + "]"
	}
	return pyType(t)
}
