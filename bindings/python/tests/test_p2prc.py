"""What needs no node: bad answers, broken streams, newer nodes, how things look."""

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import p2prc
from p2prc import errors
from p2prc import types as t
from p2prc._library import Descriptor


class Answering:
    """A node that answers every request with the same bytes, and then hangs up, or waits."""

    def __init__(self, answer: bytes, wait: bool = False):
        self._folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self._folder.name, "s")
        self._answer, self._wait, self.asked = answer, wait, b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            while b"\r\n\r\n" not in self.asked:
                self.asked += connection.recv(65536)
            connection.sendall(self._answer)
            if self._wait:
                connection.recv(1)  # until the client leaves

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()
        self._folder.cleanup()

    def client(self) -> p2prc.Client:
        return p2prc.Client(socket=self.path)


def whole(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def chunks(*rows: bytes, end: bool) -> bytes:
    out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    out += b"".join(b"%x\r\n%s\r\n" % (len(r), r) for r in rows)
    return out + (b"0\r\n\r\n" if end else b"")


class Calls(unittest.TestCase):
    def test_a_newer_node(self) -> None:
        with Answering(whole(b'{"id":"x","name":"anna","colour":"red","lend":{"state":"open","mood":1}}')) as node:
            status = node.client().status()
        self.assertEqual((status.name, status.lend.state), ("anna", "open"))

    def test_errors(self) -> None:
        for body, status, kind in [
            (b'{"kind":"denied","detail":"no","hint":"ask"}', "403 Forbidden", errors.Denied),
            (b'{"kind":"tired","detail":"no"}', "500 Oh", errors.P2PRCError),
            (b"<html>", "404 Not Found", errors.Unsupported),
            (b"<html>", "502 Bad", errors.Unavailable),
            (b"[]", "200 OK", errors.Corrupt),
            (b'{"id":', "200 OK", errors.Corrupt),
        ]:
            with self.subTest(body=body, status=status), Answering(whole(body, status)) as node:
                with self.assertRaises(errors.P2PRCError) as caught:
                    node.client().status()
                self.assertIs(type(caught.exception), kind)
        self.assertEqual(str(errors.Denied("no", "ask")), "no (hint: ask)")

    def test_a_kind_of_a_newer_node_keeps_its_words(self) -> None:
        with Answering(whole(b'{"kind":"tired","detail":"it sleeps"}', "500 Oh")) as node:
            with self.assertRaises(errors.P2PRCError) as caught:
                node.client().status()
        self.assertEqual((caught.exception.kind, caught.exception.detail), ("tired", "it sleeps"))

    def test_no_node(self) -> None:
        with self.assertRaises(errors.NotRunning):
            p2prc.Client("/nowhere").status()

    def test_half_an_answer(self) -> None:
        with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{") as node:
            with self.assertRaises(errors.Unavailable):
                node.client().status()
        with Answering(b"") as node:
            with self.assertRaises(errors.Unavailable):
                node.client().status()

    def test_what_is_asked(self) -> None:
        with Answering(whole(b"[]")) as node:
            node.client().tasks("a/b", state="done", limit=3)
            self.assertIn(b"GET /v1/jobs/a%2Fb/tasks?state=done&limit=3 HTTP/1.1", node.asked)
        with Answering(whole(b"[]")) as node:
            node.client().usage(by=["peer", "day"], since=datetime(2026, 1, 2, tzinfo=timezone.utc))
            self.assertIn(b"?by=peer%2Cday&since=2026-01-02T00%3A00%3A00Z", node.asked)


class Streams(unittest.TestCase):
    rows = (b'{"cursor":1,"type":"lend","time":"2026-01-02T03:04:05Z"}\n', b'{"cursor":2,"new":{}}\n')

    def test_to_its_end(self) -> None:
        with Answering(chunks(*self.rows, end=True)) as node:
            self.assertEqual([e.cursor for e in node.client().events()], [1, 2])

    def test_a_node_that_goes_away(self) -> None:
        for cut in (chunks(*self.rows, end=False), chunks(self.rows[0], b'{"cursor":', end=True), chunks(self.rows[0], end=False) + b"ff\r\n{"):
            with self.subTest(cut=cut), Answering(cut) as node:
                seen = []
                with self.assertRaises(errors.Unavailable):
                    for event in node.client().events():
                        seen.append(event.cursor)
                self.assertEqual(seen[0], 1)

    def test_a_node_that_says_why(self) -> None:
        with Answering(chunks(self.rows[0], b'{"problem":{"kind":"quota","detail":"full"}}\n', end=True)) as node:
            with self.assertRaises(errors.Quota):
                list(node.client().events())

    def test_left_early(self) -> None:
        with Answering(chunks(*self.rows, end=False), wait=True) as node:
            for _ in node.client().events(follow=True):
                break

    def test_canceled(self) -> None:
        async def follow(client: p2prc.AsyncClient, begun: asyncio.Event) -> None:
            async for event in client.events(follow=True):
                if event.cursor == 2:
                    begun.set()

        async def run(client: p2prc.AsyncClient) -> None:
            begun = asyncio.Event()
            task = asyncio.ensure_future(follow(client, begun))
            await begun.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        with Answering(chunks(*self.rows, end=False), wait=True) as node:
            asyncio.run(run(p2prc.AsyncClient(of=node.client())))

    def test_many_at_once(self) -> None:
        """More open streams than the loop has threads leave room for calls, and end."""

        async def run() -> None:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
            with contextlib.ExitStack() as stack:
                streams = []
                for _ in range(4):
                    node = stack.enter_context(Answering(chunks(self.rows[0], end=False), wait=True))
                    stream = p2prc.AsyncClient(of=node.client()).events(follow=True)
                    await stream.__anext__()
                    streams.append(asyncio.ensure_future(stream.__anext__()))
                await asyncio.sleep(0)  # they wait
                other = stack.enter_context(Answering(whole(b'{"id":"x","name":"anna","lend":{"state":"open"}}')))
                status = await asyncio.wait_for(p2prc.AsyncClient(of=other.client()).status(), 10)
                self.assertEqual(status.name, "anna")
                for stream in streams:
                    stream.cancel()
                await asyncio.gather(*streams, return_exceptions=True)

        asyncio.run(run())
        deadline = time.monotonic() + 10
        while [t for t in threading.enumerate() if t.name == "p2prc stream"] and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual([t for t in threading.enumerate() if t.name == "p2prc stream"], [])

    def test_lines_of_a_descriptor(self) -> None:
        read, write = os.pipe()
        lines = Descriptor(read)
        os.write(write, b"one\ntw")
        self.assertEqual(lines.readline(), b"one\n")
        os.write(write, b"o\nrest")
        os.close(write)
        self.assertEqual([lines.readline(), lines.readline(), lines.readline()], [b"two\n", b"rest", b""])
        lines.close()
        lines.close()

    def test_a_reader_is_woken(self) -> None:
        read, write = os.pipe()
        lines = Descriptor(read)
        got = []
        reader = threading.Thread(target=lambda: got.append(lines.readline()))
        reader.start()
        lines.close()
        reader.join(10)
        os.close(write)
        self.assertEqual(got, [b""])


class Values(unittest.TestCase):
    def test_to_json(self) -> None:
        spec = t.JobSpec(command=["x"], each=[t.Axis(name="n", to=3)], env={"A": "1"})
        self.assertEqual(spec.to_json(), {"command": ["x"], "each": [{"name": "n", "to": 3}], "env": {"A": "1"}})
        self.assertEqual(t.MetaRequest().to_json(), {"text": ""}, "what must stand there does")

    def test_from_json(self) -> None:
        axis = t.Axis.from_json({"name": "n", "from": 3, "values": None})
        self.assertEqual((axis.from_, axis.values), (3, []))
        self.assertEqual(axis.to_json(), {"name": "n", "from": 3})
        job = t.Job.from_json({"created": "2026-01-02T03:04:05.123456789Z", "nodes": [{"done": 4}]})
        self.assertEqual(job.created, datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=timezone.utc))
        self.assertEqual(job.nodes[0].done, 4)
        self.assertEqual(t.LogChunk.from_json({"data": "aGk="}).data, b"hi")

    def test_how_it_looks(self) -> None:
        peer = t.Peer(name="<anna>", free=t.Resources(cpu=2))
        self.assertIn("name='<anna>'", repr(peer))
        self.assertNotIn("meta", repr(peer))
        self.assertIn("&lt;anna&gt;", peer._repr_html_())
        with Answering(whole(b'[{"name":"anna"},{"name":"bert"}]')) as node:
            self.assertIn("<td>bert</td>", node.client().peers()._repr_html_())


if __name__ == "__main__":
    unittest.main()
