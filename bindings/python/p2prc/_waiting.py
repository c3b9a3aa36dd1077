"""Threads that wait for asyncio."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any, Callable, Optional, Tuple

_Call = Tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Waiting:
    """A thread of its own for calls that may wait for long: in the loop's pool a few
    dozen of them would leave no thread to anybody else. It holds up no exit."""

    def __init__(self) -> None:
        self._calls: "queue.SimpleQueue[Optional[_Call]]" = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name="p2prc stream").start()

    def call(self, fn: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Calls fn in the thread, after what was called before."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._calls.put((loop, future, fn))
        return future

    def end(self) -> None:
        """Ends the thread after what was called."""
        self._calls.put(None)

    def _run(self) -> None:
        while call := self._calls.get():
            loop, future, fn = call
            result: Any = None
            error: Optional[BaseException] = None
            try:
                result = fn()
            except BaseException as e:  # it is the caller's
                error = e
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                pass  # the loop is closed: nobody waits any more
            del call, loop, future, fn, result, error


def _settle(future: "asyncio.Future[Any]", result: Any, error: Optional[BaseException]) -> None:
    if future.done():  # who waited was canceled
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
