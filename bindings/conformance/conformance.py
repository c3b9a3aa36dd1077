"""The conformance script (SCRIPT.md) in Python: conformance.py socket|process [async]."""

import asyncio
import os
import sys
import time

import p2prc
from p2prc import types as t

environ = os.environ


def spec(module: str, lender: str) -> t.JobSpec:
    return t.JobSpec(module=module, command=["task"], each=[t.Axis(name="n", from_=1, to=100)], on=[lender])


LENDERS = '"wasm" in runtimes && !self'


def module() -> bytes:
    with open(environ["P2PRC_MODULE"], "rb") as f:
        return f.read()


def blocking(node: p2prc.Client) -> None:
    print("join", node.join(t.JoinRequest(token=environ["P2PRC_TOKEN"])).role)
    deadline = time.monotonic() + 30
    while not (peers := node.peers(where=LENDERS)) and time.monotonic() < deadline:
        time.sleep(0.05)
    print("list", ",".join(p.name for p in peers))

    seen = []
    job = node.run_job(spec(node.put_blob(module()).id, environ["P2PRC_PEER"]), lambda j: seen.append(j.tasks.done))
    print(f"job {job.state} {job.tasks.done}/{job.tasks.total} progress", "yes" if seen else "no")

    if environ.get("P2PRC_IMAGE"):
        made = node.make_container(environ["P2PRC_PEER"], t.ContainerSpec(name="conformance", image=environ["P2PRC_IMAGE"], needs=t.Resources(cpu=0.25)))
        node.remove_container(made.name)
        gone = all(c.name != made.name for c in node.containers())
        print("container", made.state, "removed" if gone else "still there")
    else:
        print("container no engine")
    mapped = node.map(t.MapSpec(port=9, any=True))
    node.unmap(mapped.id)
    print("map", mapped.state, "still there" if node.mappings() else "removed")
    try:
        node.job("01J00000000000000000000000")
    except p2prc.errors.NotFound as e:
        print("error", e.kind, "yes" if e.detail else "no")
    for _ in node.events(follow=True):
        break
    print("end yes")


async def waiting(node: p2prc.AsyncClient) -> None:
    print("join", (await node.join(t.JoinRequest(token=environ["P2PRC_TOKEN"]))).role)
    deadline = time.monotonic() + 30
    while not (peers := await node.peers(where=LENDERS)) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    print("list", ",".join(p.name for p in peers))

    seen = []
    job = await node.run_job(spec((await node.put_blob(module())).id, environ["P2PRC_PEER"]), lambda j: seen.append(j.tasks.done))
    print(f"job {job.state} {job.tasks.done}/{job.tasks.total} progress", "yes" if seen else "no")

    if environ.get("P2PRC_IMAGE"):
        made = await node.make_container(environ["P2PRC_PEER"], t.ContainerSpec(name="conformance", image=environ["P2PRC_IMAGE"], needs=t.Resources(cpu=0.25)))
        await node.remove_container(made.name)
        gone = all(c.name != made.name for c in await node.containers())
        print("container", made.state, "removed" if gone else "still there")
    else:
        print("container no engine")
    mapped = await node.map(t.MapSpec(port=9, any=True))
    await node.unmap(mapped.id)
    print("map", mapped.state, "still there" if await node.mappings() else "removed")
    try:
        await node.job("01J00000000000000000000000")
    except p2prc.errors.NotFound as e:
        print("error", e.kind, "yes" if e.detail else "no")
    async for _ in node.events(follow=True):
        break
    print("end yes")


def open_node() -> p2prc.Client:
    if sys.argv[1] == "socket":
        return p2prc.Client(environ["P2PRC_SOCKET_HOME"])
    return p2prc.Node(environ["P2PRC_OWN_HOME"], config={"name": "own", "mdns": False, "lend": {"enabled": False}})


with open_node() as node:
    if "async" in sys.argv:
        asyncio.run(waiting(p2prc.AsyncClient(of=node)))
    else:
        blocking(node)
