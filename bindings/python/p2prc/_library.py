"""The way into the C library: a node in this process."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import select
import threading
from typing import Any, Dict, Optional

from ._transport import Lines
from .errors import NotFound, Unsupported, of_problem

_loaded: Dict[str, ctypes.CDLL] = {}


def load(path: Optional[str] = None) -> ctypes.CDLL:
    """The library at path, at $P2PRC_LIBRARY, or where the system looks."""
    name = path or os.environ.get("P2PRC_LIBRARY") or ctypes.util.find_library("p2prc") or "libp2prc.so"
    if name not in _loaded:
        try:
            lib = ctypes.CDLL(name)
        except OSError as e:
            raise Unsupported(f"the library of P2PRC cannot be loaded: {e}", "build it with: make bindings; then set P2PRC_LIBRARY") from e
        number, text, size, out = ctypes.c_int64, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)
        lib.p2prc_new.argtypes = [ctypes.POINTER(number)]
        lib.p2prc_configure.argtypes = [number, text]
        lib.p2prc_start.argtypes = [number]
        lib.p2prc_call.argtypes = [number, text, text, text, size, out, ctypes.POINTER(size)]
        lib.p2prc_stream.argtypes = [number, text, text, text, size, ctypes.POINTER(ctypes.c_int)]
        lib.p2prc_close.argtypes = [number]
        lib.p2prc_free.argtypes = [ctypes.c_void_p]
        lib.p2prc_error.restype = lib.p2prc_version.restype = ctypes.c_void_p
        _loaded[name] = lib
    return _loaded[name]


class Whole:
    """An answer that is here already."""

    def __init__(self, content: bytes):
        self._content = content

    def read(self) -> bytes:
        return self._content

    def close(self) -> None:
        pass


class Descriptor(Lines):
    """A descriptor read by lines. close wakes who reads, in whichever thread."""

    def __init__(self, fd: int):
        self._fd = fd
        self._wake, self._woken = os.pipe()
        self._lock = threading.Lock()  # who holds it reads, or takes the descriptors away

    def _more(self) -> bytes:
        with self._lock:
            if self._fd < 0:
                return b""
            poll = select.poll()  # select knows no descriptors above 1023
            for fd in (self._fd, self._wake):
                poll.register(fd, select.POLLIN)
            ready = [fd for fd, _ in poll.poll()]
            return b"" if self._wake in ready else os.read(self._fd, 64 << 10)

    def read(self) -> bytes:
        return b"".join(iter(self.readline, b""))

    def close(self) -> None:
        if self._woken < 0:
            return
        os.close(self._woken)  # the reading end of a pipe without a writer is ready
        self._woken = -1
        with self._lock:
            os.close(self._fd)
            os.close(self._wake)
            self._fd = -1


class InProcess:
    """A node of the library. start runs it; without, it speaks to whoever runs the home's."""

    def __init__(self, settings: Dict[str, Any], library: Optional[str] = None):
        self._lib = load(library)
        node = ctypes.c_int64()
        self._check(self._lib.p2prc_new(ctypes.byref(node)))
        self._node: Optional[int] = node.value
        try:
            self._check(self._lib.p2prc_configure(node, json.dumps(settings).encode()))
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        self._check(self._lib.p2prc_start(self._number()))

    def _number(self) -> int:
        if self._node is None:
            raise NotFound("the node was closed")
        return self._node

    def _text(self, pointer: Optional[int]) -> str:
        if not pointer:
            return ""
        try:
            return ctypes.string_at(pointer).decode()
        finally:
            self._lib.p2prc_free(pointer)

    def _check(self, status: int) -> None:
        if status != 0:
            raise of_problem(json.loads(self._text(self._lib.p2prc_error()) or "{}"))

    def send(self, method: str, target: str, body: Any, content: str) -> Whole:
        body = _bytes(body)
        out, size = ctypes.c_void_p(), ctypes.c_size_t()
        self._check(self._lib.p2prc_call(self._number(), method.encode(), target.encode(), body, len(body or b""), ctypes.byref(out), ctypes.byref(size)))
        try:
            return Whole(ctypes.string_at(out.value or 0, size.value))
        finally:
            self._lib.p2prc_free(out)

    def rows(self, method: str, target: str, body: Any, content: str) -> Any:
        body = _bytes(body)
        fd = ctypes.c_int()
        self._check(self._lib.p2prc_stream(self._number(), method.encode(), target.encode(), body, len(body or b""), ctypes.byref(fd)))
        return Descriptor(fd.value)

    def close(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            self._check(self._lib.p2prc_close(node))


def _bytes(body: Any) -> Optional[bytes]:
    return body.read() if hasattr(body, "read") else body
