"""What the types of the API have in common: to and from JSON, and how they look."""

from __future__ import annotations

import base64
import dataclasses
import re
import typing
from datetime import datetime, timezone
from html import escape
from typing import Any, ClassVar, Dict, FrozenSet, List, Type, TypeVar, Union

M = TypeVar("M", bound="Model")


class Model:
    """An object of the API. Fields that this version does not know are ignored."""

    _required: ClassVar[FrozenSet[str]] = frozenset()

    @classmethod
    def from_json(cls: Type[M], value: Any) -> M:
        made = cls()
        hints = _hints(cls)
        for name, v in value.items():
            attribute = name + "_" if name + "_" in hints else name
            if v is not None and attribute in hints:
                setattr(made, attribute, decode(hints[attribute], v))
        return made

    def to_json(self) -> Dict[str, Any]:
        """What is sent: fields that say nothing are left out unless they must stand there."""
        sent = {}
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            name, value = f.name.rstrip("_"), getattr(self, f.name)
            if name in self._required or value not in (None, "", b"", 0, [], {}):
                sent[name] = encode(value)
        return sent

    def _said(self) -> List[Any]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return [(f.name, v) for f in fields for v in [getattr(self, f.name)] if v not in (None, "", b"", [], {})]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in self._said())})"

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{escape(n)}</th><td>{_html(v)}</td></tr>" for n, v in self._said())
        return f"<table><caption>{type(self).__name__}</caption>{cells}</table>"


class Table(List[Any]):
    """A list that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        if not self or not isinstance(self[0], Model):
            return f"<pre>{escape(repr(list(self)))}</pre>"
        names = [f.name for f in dataclasses.fields(self[0]) if any(getattr(r, f.name) not in (None, "", b"", [], {}) for r in self)]  # type: ignore[arg-type]
        head = "".join(f"<th>{escape(n)}</th>" for n in names)
        rows = "".join("<tr>" + "".join(f"<td>{_html(getattr(r, n))}</td>" for n in names) + "</tr>" for r in self)
        return f"<table><tr>{head}</tr>{rows}</table>"


def _html(value: Any) -> str:
    return value._repr_html_() if isinstance(value, Model) else escape(str(value))


_known: Dict[type, Dict[str, Any]] = {}


def _hints(cls: type) -> Dict[str, Any]:
    if cls not in _known:
        hints = typing.get_type_hints(cls)
        _known[cls] = {f.name: hints[f.name] for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return _known[cls]


def decode(kind: Any, value: Any) -> Any:
    """A value of JSON as the type that the API says it is. ValueError, TypeError where it is not."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:  # Optional
        return None if value is None else decode(args[0], value)
    if origin is list:
        return Table(decode(args[0], v) for v in value or [])
    if origin is dict:
        return {k: decode(args[1], v) for k, v in value.items()}
    if kind is datetime:
        return _time(value)
    if kind is bytes:
        return base64.b64decode(value)
    if isinstance(kind, type) and issubclass(kind, Model):
        return kind.from_json(value)
    return value


def _time(text: str) -> datetime:
    # Nanoseconds are more than datetime holds, and Z more than it read before Python 3.11.
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    text = re.sub(r"\.(\d{1,5})(?=[+-])", lambda m: "." + m.group(1).ljust(6, "0"), text)
    return datetime.fromisoformat(text)


def encode(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Model):
        return value.to_json()
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return value
