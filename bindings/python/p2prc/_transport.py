"""The two ways to a node. Both answer with a readable and closable body."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, Callable, Protocol

from .errors import Denied, NotRunning, Unavailable, Unsupported, of_problem


class Transport(Protocol):
    """A way to ask a route: its answer's body, or an exception."""

    def send(self, method: str, target: str, body: Any, content: str) -> "Body":
        """Asks. body is bytes, a readable file, or None."""

    def rows(self, method: str, target: str, body: Any, content: str) -> "Body":
        """Asks for an answer that goes on, to be read by lines."""

    def close(self) -> None:
        """Gives up what the way holds."""


class Body(Protocol):
    """An answer's bytes."""

    def read(self) -> bytes: ...

    def readline(self) -> bytes: ...

    def close(self) -> None: ...


class Lines:
    """Bytes read by lines. A subclass says where more come from; b"" is their end."""

    _buffer, _ended = b"", False

    def _more(self) -> bytes:
        raise NotImplementedError

    def readline(self) -> bytes:
        while b"\n" not in self._buffer and not self._ended:
            more = self._more()
            self._buffer, self._ended = self._buffer + more, more == b""
        line, newline, self._buffer = self._buffer.partition(b"\n")
        return line + newline


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("p2prc")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


class _Answer(Lines):
    """An answer over a connection of its own, which close ends, whoever reads."""

    def __init__(self, connection: _Connection, response: http.client.HTTPResponse):
        self._connection, self._response, self._sock = connection, response, connection.sock

    def read(self) -> bytes:
        return self._whole(self._response.read)

    def _more(self) -> bytes:
        # Not the response's readline: where a chunk is missing it says that all is there.
        more = self._whole(lambda: self._response.read1(64 << 10))
        if not more and self._response.length:
            raise Unavailable("the connection to the node broke")
        return more

    def _whole(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as e:
            raise Unavailable("the connection to the node broke") from e

    def close(self) -> None:
        if self._sock is not None:
            try:
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
            except OSError:
                pass  # it is closed already
        self._connection.close()


class UnixSocket:
    """The way over the socket of a running node. A connection for each call."""

    def __init__(self, path: str):
        self.path = path

    def send(self, method: str, target: str, body: Any, content: str) -> Body:
        connection = _Connection(self.path)
        try:
            connection.connect()
        except PermissionError as e:
            raise Denied("the node's socket belongs to another user", "run this as the user that runs the node") from e
        except OSError as e:
            raise NotRunning(f"no node answers at {self.path}", "start one with: p2prc up") from e
        sock = connection.sock
        try:
            headers = {"Content-Type": content} if body is not None else {}
            connection.request(method, target, body=body, headers=headers, encode_chunked=hasattr(body, "read"))
            response = connection.getresponse()
            connection.sock = sock  # http.client forgets it where the answer is the last
            if response.status < 300:
                return _Answer(connection, response)
            problem = response.read(64 << 10)
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            raise Unavailable("the connection to the node broke") from e
        connection.close()
        raise _refused(response.status, problem)

    def rows(self, method: str, target: str, body: Any, content: str) -> Body:
        return self.send(method, target, body, content)

    def close(self) -> None:
        pass


def _refused(status: int, body: bytes) -> Exception:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and problem.get("kind"):
        return of_problem(problem)
    if status in (404, 405):
        return Unsupported(f"the node has no such route: it answered {status}")
    return Unavailable(f"the node answered {status}")
