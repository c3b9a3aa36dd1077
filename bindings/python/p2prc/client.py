"""Nodes as Python objects: Client speaks to a running one, Node is one in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from datetime import datetime
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Optional, TypeVar
from urllib.parse import urlencode

from . import types as t
from ._aroutes import AsyncRoutes
from ._library import InProcess
from ._model import decode, encode
from ._routes import Routes
from ._transport import Body, Transport, UnixSocket
from ._waiting import Waiting
from .errors import Corrupt, TasksFailed, Unavailable, of_problem

C = TypeVar("C", bound="Client")


def home() -> str:
    """The usual home: $P2PRC (.p2prc in it, where that is a checkout of P2PRC), else ~/.p2prc."""
    chosen = os.environ.get("P2PRC")
    if not chosen:
        return os.path.expanduser("~/.p2prc")
    try:
        with open(os.path.join(chosen, "go.mod"), encoding="utf-8") as f:
            ours = "p2p-rendering-computation" in f.readline()
    except OSError:
        ours = False
    return os.path.join(chosen, ".p2prc") if ours else chosen


def _target(path: str, query: Optional[Dict[str, Any]]) -> str:
    pairs = [(k, _word(v)) for k, v in (query or {}).items() if v is not None]
    return path + "?" + urlencode(pairs) if pairs else path


def _word(v: Any) -> str:
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (list, tuple)):
        return ",".join(str(e) for e in v)
    return str(encode(v)) if isinstance(v, datetime) else str(v)


def _sent(body: Any, content: str) -> Any:
    if content == "application/json" and body is not None:
        return json.dumps(encode(body)).encode()
    return body


def _read(body: bytes, into: Any) -> Any:
    if into is None:
        return None
    if into is bytes:
        return body
    try:
        value = json.loads(body)
        return value if into is object else decode(into, value)
    except (ValueError, TypeError, AttributeError) as e:
        raise Corrupt("the node's answer makes no sense here", "is the node another version than this package?") from e


def _row(line: bytes, into: Any) -> Any:
    if line.startswith(b'{"problem":'):
        raise of_problem(_read(line, object)["problem"])
    if not line.endswith(b"\n"):
        raise Unavailable("the connection to the node broke")
    return _read(line, into)


def _ended(job: t.JobDetail) -> t.JobDetail:
    if job.tasks and job.tasks.done < job.tasks.total:
        raise TasksFailed(f"{job.tasks.total - job.tasks.done} of {job.tasks.total} tasks are not done: {job.reason}", f"p2prc job show {job.id}")
    return job


def _close(opened: List[Body]) -> None:
    while opened:
        with contextlib.suppress(IndexError):  # another thread took it
            opened.pop().close()


class Client(Routes):
    """A running node, over its socket: Client(), Client(home="/srv/farm"). Use it in
    a with statement, or close it. It may be used from several threads."""

    def __init__(self, home: Optional[str] = None, *, socket: Optional[str] = None, transport: Optional[Transport] = None):
        self._way: Transport = transport or UnixSocket(socket or os.path.join(home or globals()["home"](), "p2prc.sock"))

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up the way to the node."""
        self._way.close()

    def _call(self, method: str, path: str, query: Any, body: Any, content: str, into: Any) -> Any:
        with contextlib.closing(self._way.send(method, _target(path, query), _sent(body, content), content)) as answer:
            return _read(answer.read(), into)

    def _rows(self, method: str, path: str, query: Any, body: Any, into: Any) -> Any:
        answer = self._way.rows(method, _target(path, query), _sent(body, "application/json"), "application/json")
        return self._each(answer, into)

    def _each(self, answer: Body, into: Any) -> Iterator[Any]:
        with contextlib.closing(answer):
            while line := answer.readline():
                if line.strip():
                    yield _row(line, into)

    def run_job(self, spec: t.JobSpec, progress: Optional[Callable[[t.Job], None]] = None) -> t.JobDetail:
        """Submits a job and follows it to its end. TasksFailed unless every task is done."""
        job = self.submit_job(spec)
        for event in self.watch_job(job.id):
            if progress and event.job:
                progress(event.job)
        return _ended(self.job(job.id))

    def make_container(self, peer: str, spec: t.ContainerSpec, said: Optional[Callable[[t.ContainerEvent], None]] = None) -> t.Container:
        """Has a peer make a container and waits until it is there."""
        for event in self.create_container(peer, spec):
            if event.container:
                return event.container
            if said:
                said(event)
        raise Unavailable("the connection to the node broke")


class Node(Client):
    """A node in this process, by the C library. It runs from the beginning of a with
    statement, or start, to its end, or close."""

    def __init__(self, home: Optional[str] = None, *, config: Optional[Dict[str, Any]] = None, agent: Optional[List[str]] = None, library: Optional[str] = None):
        settings: Dict[str, Any] = {"home": home or globals()["home"]()}
        if config:
            settings["config"] = config
        if agent:
            settings["agent"] = agent
        self._inside = InProcess(settings, library)
        super().__init__(transport=self._inside)

    def start(self) -> "Node":
        """Runs the node and returns when it is ready."""
        self._inside.start()
        return self

    def __enter__(self) -> "Node":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise


class AsyncClient(AsyncRoutes):
    """The same for asyncio: AsyncClient(), or AsyncClient(of=node) for a Client or Node.
    Streams are async iterators; canceling a task that waits on one ends it."""

    def __init__(self, home: Optional[str] = None, *, socket: Optional[str] = None, of: Optional[Client] = None):
        self._client = of or Client(home, socket=socket)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._client.close)

    async def _call(self, method: str, path: str, query: Any, body: Any, content: str, into: Any) -> Any:
        return await asyncio.to_thread(self._client._call, method, path, query, body, content, into)

    async def _rows(self, method: str, path: str, query: Any, body: Any, into: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        opened: List[Body] = []  # whoever takes the answer out closes it
        left = threading.Event()

        def rows() -> Body:
            answer = self._client._way.rows(method, _target(path, query), _sent(body, "application/json"), "application/json")
            opened.append(answer)
            if left.is_set():
                _close(opened)
            return answer

        thread = Waiting()
        try:
            answer = await thread.call(rows)
            while line := await thread.call(answer.readline):
                if line.strip():
                    yield _row(line, into)
        finally:
            left.set()
            _close(opened)
            thread.end()

    async def run_job(self, spec: t.JobSpec, progress: Optional[Callable[[t.Job], None]] = None) -> t.JobDetail:
        """Submits a job and follows it to its end. TasksFailed unless every task is done."""
        job = await self.submit_job(spec)
        async for event in self.watch_job(job.id):
            if progress and event.job:
                progress(event.job)
        return _ended(await self.job(job.id))

    async def make_container(self, peer: str, spec: t.ContainerSpec) -> t.Container:
        """Has a peer make a container and waits until it is there."""
        async for event in self.create_container(peer, spec):
            if event.container:
                return event.container
        raise Unavailable("the connection to the node broke")
