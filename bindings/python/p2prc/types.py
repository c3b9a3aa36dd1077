"""The types of the API. Generated from the node's OpenAPI document by bindings/gen; do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Dict, FrozenSet, List, Optional

from ._model import Model


@dataclass(repr=False)
class AddrRequest(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"addr"})
    addr: str = ""  # host:port, or a multiaddr


@dataclass(repr=False)
class Axis(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"name"})
    from_: int = 0
    name: str = ""
    step: int = 0  # 1 if 0
    to: int = 0  # inclusive
    values: List[str] = field(default_factory=list)  # instead of a range
    width: int = 0  # zero-padded to this many digits


@dataclass(repr=False)
class BlobInfo(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"id", "size"})
    id: str = ""
    size: int = 0


@dataclass(repr=False)
class BlobStats(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes", "count", "pinned", "quota"})
    bytes: int = 0
    count: int = 0
    pinned: int = 0  # bytes that may not be dropped now
    quota: int = 0  # bytes it may hold


@dataclass(repr=False)
class Carried(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "id", "network", "open", "peer", "ports", "refused", "since", "total"})
    allow: List[str] = field(default_factory=list)  # clients that may; empty: everybody
    away: bool = False  # a domain that is kept for its member, who has no mapping of it now
    bytes_in: int = 0  # to the target
    bytes_out: int = 0  # from the target
    domain: str = ""
    id: str = ""  # the gateway's, not its member's
    name: str = ""  # its name
    network: str = ""  # https, h2c and tls are domains: with our certificate, handed on as HTTP/1.1 or HTTP/2, and unopened
    open: int = 0  # connections now
    peer: str = ""  # whose it is
    ports: List[int] = field(default_factory=list)  # listened on for it
    refused: int = 0  # connections that were turned away: over a limit, or from an address that may not
    since: Optional[datetime] = None
    total: int = 0  # connections


@dataclass(repr=False)
class Container(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"cap", "created", "expires", "id", "name", "peer", "source", "state", "use"})
    cap: Optional[Resources] = None
    created: Optional[datetime] = None
    expires: Optional[datetime] = None
    id: str = ""
    main: Optional[MainCommand] = None  # the main command, while it runs
    name: str = ""
    network: str = ""  # what it can reach: none if empty
    peer: str = ""  # the lender
    peer_name: str = ""
    ports: List[Port] = field(default_factory=list)
    reason: str = ""
    source: str = ""  # image, template or build it was made from
    state: str = ""
    use: Optional[ContainerUse] = None


@dataclass(repr=False)
class ContainerEvent(Model):
    build: str = ""  # a line that a build printed
    container: Optional[Container] = None
    image: Optional[ImageProgress] = None  # how far the lender is with the image that it is given
    text: str = ""  # what is done now


@dataclass(repr=False)
class ContainerLog(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"data", "stream"})
    data: bytes = b""  # base64
    stream: str = ""


@dataclass(repr=False)
class ContainerSpec(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"name"})
    base: str = ""  # what stands for {{.}} in the Dockerfile of a template or a build
    base_id: str = ""  # the very base image, as image_id is for image
    build: str = ""  # a folder with a Dockerfile, uploaded by POST /v1/trees, instead of image
    command: List[str] = field(default_factory=list)  # the main command; the image's own if empty
    env: Dict[str, str] = field(default_factory=dict)
    image: str = ""  # an image that this node or the lender has
    image_id: str = ""  # the very image, which a lender that lacks it is given; that of Image on this node, if it is empty
    name: str = ""  # one of the borrower's own; how commands call it
    needs: Optional[Resources] = None  # cpu 1 and memory 256 MiB if 0
    network: str = ""  # what it can reach: none if empty
    publish: List[PublishSpec] = field(default_factory=list)
    template: str = ""  # a template of the lender's, instead of image
    ttl: str = ""  # how long it may live; 24h if 0


@dataclass(repr=False)
class ContainerUse(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "cpu", "cpu_time", "memory", "processes"})
    bytes_in: int = 0  # over published ports and its network, since it was created
    bytes_out: int = 0
    cpu: float = 0.0  # cores in use over the last seconds
    cpu_time: str = ""  # used since it was created
    memory: int = 0  # bytes in use now
    processes: int = 0


@dataclass(repr=False)
class DNSRecord(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"name", "type", "value"})
    name: str = ""
    type: str = ""
    value: str = ""


@dataclass(repr=False)
class Diagnosis(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"findings", "reach", "relay", "time"})
    findings: List[Finding] = field(default_factory=list)
    reach: Optional[Reach] = None
    relay: Optional[RelayStatus] = None
    time: Optional[datetime] = None


@dataclass(repr=False)
class Event(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"cursor", "time", "type"})
    cursor: int = 0
    job: Optional[Job] = None
    job_id: str = ""
    msg: str = ""
    peer: Optional[Peer] = None
    sandbox: Optional[Sandbox] = None
    task: Optional[Task] = None
    time: Optional[datetime] = None
    type: str = ""


@dataclass(repr=False)
class Exit(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"code"})
    code: int = 0  # exit code; 128+n after signal n
    limit: str = ""  # the limit it ran into
    msg: str = ""  # what to tell the user: no such program, output missing
    signal: str = ""  # the signal that ended it


@dataclass(repr=False)
class Finding(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"msg", "name", "ok"})
    advice: str = ""  # what to do about it
    msg: str = ""
    name: str = ""  # what was looked at: address, addresses, inbound, router, tcp, udp, relays, clock, peers, or a runtime that is lent
    note: bool = False  # not ok, and no problem: nobody can tell yet, or it may be meant so
    ok: bool = False  # found to be in order


@dataclass(repr=False)
class ForwardEvent(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "open", "total"})
    bytes_in: int = 0  # to the target
    bytes_out: int = 0  # from the target
    listening: str = ""  # the first line: HOST:PORT to connect to
    open: int = 0  # connections now
    problem: Optional[Problem] = None  # why a connection could not be made; the forward goes on
    total: int = 0  # connections since it began


@dataclass(repr=False)
class ForwardSpec(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"port"})
    container: str = ""  # one of this node's containers, instead of peers
    host: str = ""  # a host beside the peer; empty: the peer itself
    local: int = 0  # the port on this machine's loopback; 0: any free one
    network: str = ""  # tcp if empty
    peers: List[str] = field(default_factory=list)  # names or ids; the first that connects is used, for each connection anew
    port: int = 0


@dataclass(repr=False)
class GCResult(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"freed"})
    freed: int = 0  # bytes


@dataclass(repr=False)
class GPU(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"index", "memory", "model", "vendor"})
    driver: str = ""
    index: int = 0
    memory: int = 0  # bytes
    model: str = ""
    uuid: str = ""
    vendor: str = ""  # nvidia, amd or intel


@dataclass(repr=False)
class Group(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"containers", "name"})
    containers: List[str] = field(default_factory=list)  # names; one that ends leaves
    name: str = ""  # no group and no container has it already


@dataclass(repr=False)
class GroupChange(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"containers"})
    containers: List[str] = field(default_factory=list)  # names or ids


@dataclass(repr=False)
class Image(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"id", "size", "tags"})
    arch: str = ""
    for_: str = ""  # who had it brought here; empty: it is the owner's own
    id: str = ""
    os: str = ""
    size: int = 0  # bytes
    tags: List[str] = field(default_factory=list)  # the names it has there
    used: Optional[datetime] = None  # when work last needed it; only of those brought here


@dataclass(repr=False)
class ImageProgress(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"state"})
    bytes: int = 0  # bytes of it in all
    error: Optional[Problem] = None
    have: int = 0  # bytes of it that the member has
    image: str = ""
    peer: str = ""
    sent: int = 0  # bytes that this node gave the member for it
    state: str = ""


@dataclass(repr=False)
class Input(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"path"})
    blob: str = ""
    mode: int = 0  # permission bits; 0644 if 0
    path: str = ""  # slash-separated, below the task's directory
    size: int = 0  # bytes
    tree: str = ""  # a manifest made by POST /v1/trees, instead of blob


@dataclass(repr=False)
class Invite(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"created", "expires", "id", "revoked", "role", "used", "uses"})
    created: Optional[datetime] = None
    expires: Optional[datetime] = None
    id: str = ""
    node: str = ""  # the only node it admits, if named
    revoked: bool = False
    role: str = ""
    used: int = 0
    uses: int = 0  # machines it may admit


@dataclass(repr=False)
class InviteRequest(Model):
    expires: str = ""  # from now; 1h if 0
    node: str = ""  # the only node it admits; required for admin
    role: str = ""  # member if empty
    uses: int = 0  # 1 if 0


@dataclass(repr=False)
class InviteToken(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"created", "expires", "id", "revoked", "role", "token", "used", "uses"})
    created: Optional[datetime] = None
    expires: Optional[datetime] = None
    id: str = ""
    node: str = ""  # the only node it admits, if named
    revoked: bool = False
    role: str = ""
    token: str = ""  # one string; whoever has it can join
    used: int = 0
    uses: int = 0  # machines it may admit


@dataclass(repr=False)
class Job(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"attempts", "bytes", "created", "id", "name", "nodes", "rate", "runtime", "state", "tasks"})
    attempts: int = 0  # results secured plus attempts lost
    bytes: int = 0  # outputs kept here
    created: Optional[datetime] = None
    ended: Optional[datetime] = None
    eta: str = ""  # 0 when not known
    id: str = ""
    name: str = ""
    nodes: List[NodeProgress] = field(default_factory=list)
    rate: float = 0.0  # tasks a second over the last 10 s
    reason: str = ""  # why it waits, or why it was ended
    runtime: str = ""
    state: str = ""
    tasks: Optional[TaskCounts] = None


@dataclass(repr=False)
class JobDetail(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"attempts", "bytes", "created", "id", "name", "nodes", "rate", "runtime", "spec", "state", "tasks"})
    attempts: int = 0  # results secured plus attempts lost
    bytes: int = 0  # outputs kept here
    created: Optional[datetime] = None
    ended: Optional[datetime] = None
    eta: str = ""  # 0 when not known
    id: str = ""
    name: str = ""
    nodes: List[NodeProgress] = field(default_factory=list)
    rate: float = 0.0  # tasks a second over the last 10 s
    reason: str = ""  # why it waits, or why it was ended
    runtime: str = ""
    spec: Optional[JobSpec] = None
    state: str = ""
    tasks: Optional[TaskCounts] = None


@dataclass(repr=False)
class JobSpec(Model):
    command: List[str] = field(default_factory=list)  # program and arguments; for wasm the module's arguments, its name first
    cwd: str = ""  # below the task's directory
    each: List[Axis] = field(default_factory=list)  # the array: one task per combination, the last axis varying fastest
    env: Dict[str, str] = field(default_factory=dict)
    image: str = ""  # runtime docker
    image_id: str = ""  # the very image, which lenders that lack it are given; that of Image on this node, if it is empty
    inputs: List[Input] = field(default_factory=list)
    limits: Optional[TaskLimits] = None
    live: bool = False  # stream output while tasks run
    max_fails: int = 0  # cancel the job when more tasks than this failed for good; 0: never
    module: str = ""  # the wasm module to run (runtime wasm)
    name: str = ""  # shown in listings
    needs: Optional[Resources] = None  # per task; cpu 1 and memory 256 MiB if 0
    network: str = ""  # what a task's container can reach (runtime docker): none if empty
    on: List[str] = field(default_factory=list)  # only on these peers
    outputs: List[str] = field(default_factory=list)  # globs below the task's directory; ** matches folders
    restart: str = ""  # never: a task that was lost with its machine is not run again
    retry: int = 0  # further tries of a task that failed
    runtime: str = ""  # empty: wasm if Module is set, else process
    stdin: str = ""  # text given to every task
    stdin_blob: str = ""  # instead of stdin
    strategy: str = ""  # spread, pin, or one of the program's that the node runs in; spread if empty
    where: str = ""  # CEL over the peer record, true where the job may run


@dataclass(repr=False)
class JoinRequest(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"token"})
    token: str = ""


@dataclass(repr=False)
class JoinResult(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"expires", "network", "role", "via"})
    expires: Optional[datetime] = None  # of the membership certificate
    network: str = ""
    role: str = ""
    via: str = ""  # the member that admitted it; empty after a network key was restored


@dataclass(repr=False)
class KeyRequest(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"passphrase"})
    export: str = ""
    passphrase: str = ""


@dataclass(repr=False)
class LeaseView(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"held", "id", "job", "running", "runtime", "since", "slots"})
    held: int = 0
    id: str = ""
    job: str = ""
    running: int = 0
    runtime: str = ""
    since: Optional[datetime] = None
    slots: int = 0


@dataclass(repr=False)
class LendStatus(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"free", "held", "leases", "limits", "refused", "runtimes", "sandboxes", "state", "total"})
    free: Optional[Resources] = None
    held: int = 0  # finished results that borrowers have not acknowledged yet
    leases: int = 0
    limits: Optional[Limits] = None  # in force: what the owner set, defaults filled in, and no more disk than is free
    reason: str = ""
    refused: int = 0  # requests refused since start
    runtimes: List[RuntimeInfo] = field(default_factory=list)
    sandboxes: int = 0
    state: str = ""
    total: Optional[Resources] = None


@dataclass(repr=False)
class Limits(Model):
    hours: List[str] = field(default_factory=list)  # when this node lends, in its local time, like 22:00-07:00 or sat,sun 00:00-24:00; always by default
    idle: str = ""  # lend only while the owner has left the machine alone for so long; 0: also while it is in use
    images: int = 0  # most bytes of images that are kept for borrowers, all together; 20 GiB by default
    max_output: int = 0  # most bytes one task may print; 64 MiB by default
    max_processes: int = 0  # most processes in a sandbox; 256 by default
    max_wall: str = ""  # longest a task may run; 24h by default
    per_guest: Optional[Resources] = None  # for one sandbox; 0 in a dimension: per_peer
    per_peer: Optional[Resources] = None  # for all sandboxes of one peer; 0 in a dimension: total
    runtimes: List[str] = field(default_factory=list)  # those lent; wasm and docker by default
    total: Optional[Resources] = None  # for all guests together; cores-1 (at least 1) and half of memory by default


@dataclass(repr=False)
class LogChunk(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"data", "stream", "task"})
    again: bool = False  # the task began again elsewhere and prints something else: what follows is this stream from its beginning
    data: bytes = b""  # base64
    stream: str = ""
    task: int = 0


@dataclass(repr=False)
class MainCommand(Model):
    args: List[str] = field(default_factory=list)
    ended: bool = False
    exit: Optional[Exit] = None


@dataclass(repr=False)
class MapSpec(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"port"})
    allow: List[str] = field(default_factory=list)  # networks and addresses of clients; empty: everybody
    any: bool = False  # any free port will do at the gateway
    container: str = ""  # one of this node's containers, instead of peers
    domain: str = ""  # instead of a port: a name, like app.example.org, under which the gateway takes HTTPS with a certificate and hands on HTTP
    h2c: bool = False  # with a domain: HTTP/2 without TLS is handed on, as gRPC needs it, instead of HTTP/1.1
    network: str = ""  # tcp if empty
    on: List[str] = field(default_factory=list)  # names or ids of peers; connections are spread over those that answer. Empty: this node
    passthrough: bool = False  # with a domain: TLS is handed on unopened, and the certificate is the service's
    port: int = 0  # where it leads; the first, where there are several
    ports: int = 0  # how many ports side by side; 1 if 0
    proxy_protocol: bool = False  # each connection begins with the PROXY protocol's line that says who the client is
    public: int = 0  # the first port at the gateway; 0: Port if that can be had, else any
    ttl: str = ""  # how long it lives; 0: until it is removed
    via: str = ""  # the gateway, by name or id; empty: the one with the least latency, and another when it is gone


@dataclass(repr=False)
class MapTarget(Model):
    down: str = ""  # why it gets no connections now
    name: str = ""
    peer: str = ""  # empty: this node, or a container


@dataclass(repr=False)
class Mapping(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "created", "id", "open", "public", "refused", "spec", "state", "targets", "total"})
    bytes_in: int = 0  # to the target
    bytes_out: int = 0  # from the target
    created: Optional[datetime] = None
    dns: List[DNSRecord] = field(default_factory=list)  # what must stand in the DNS for its domain; empty where its gateway knows no address
    expires: Optional[datetime] = None
    gateway: str = ""  # the gateway that has it, or had it last
    gateway_name: str = ""
    id: str = ""
    open: int = 0  # connections now
    public: List[str] = field(default_factory=list)  # where it is reached: HOST:PORT for each port, or https://DOMAIN; empty where its gateway knows no address, as reason then says
    reason: str = ""  # why it is not open, or what failed last, or why it is not known where it is reached, or what its domain still waits for
    refused: int = 0  # connections that were turned away: over a limit, or from an address that may not
    spec: Optional[MapSpec] = None
    state: str = ""
    targets: List[MapTarget] = field(default_factory=list)  # where it leads
    total: int = 0  # connections


@dataclass(repr=False)
class Member(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"admitted", "by", "expires", "id", "name", "revoked", "role", "self"})
    admitted: Optional[datetime] = None
    by: str = ""  # the member that countersigned
    expires: Optional[datetime] = None
    id: str = ""
    invite: str = ""  # empty for the network's first node
    name: str = ""
    revoked: bool = False
    role: str = ""
    self: bool = False


@dataclass(repr=False)
class MetaRequest(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"text"})
    text: str = ""


@dataclass(repr=False)
class NetworkKey(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"export"})
    export: str = ""
    network: str = ""


@dataclass(repr=False)
class NodeProgress(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"busy", "done", "failed", "lost", "name", "peer", "queued", "running", "slots", "state"})
    busy: str = ""  # sum of the wall time of its attempts
    done: int = 0
    failed: int = 0
    lost: int = 0  # attempts lost or withdrawn
    name: str = ""
    peer: str = ""
    queued: int = 0  # given to it, not begun
    reason: str = ""  # why it is not working
    running: int = 0
    slots: int = 0  # held now
    state: str = ""  # working, idle, lost, withdrawn, refused, set aside


@dataclass(repr=False)
class OutputFile(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"blob", "mode", "path", "size"})
    blob: str = ""
    mode: int = 0
    path: str = ""
    size: int = 0


@dataclass(repr=False)
class Peer(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"addr", "addrs", "features", "free", "id", "labels", "last_seen", "latency", "lending", "meta", "name", "path", "reachability", "relays", "role", "runtimes", "seq", "specs", "state", "time", "total", "version"})
    addr: str = ""  # the remote address in use, empty if not connected
    addrs: List[str] = field(default_factory=list)  # multiaddrs at which it can be reached; /p2p/ID/p2p-circuit is through the member ID
    features: List[str] = field(default_factory=list)  # protocol ids and feature names
    free: Optional[Resources] = None  # lent now at most
    gateway: bool = False  # its owner lets some members map ports through it
    id: str = ""
    labels: Dict[str, str] = field(default_factory=dict)
    last_seen: Optional[datetime] = None  # by this node's clock
    latency: str = ""  # round trip measured here, smoothed; 0 if never
    lending: str = ""
    looking: bool = False  # it has just started, and finds out what it can lend
    meta: str = ""  # custom text
    name: str = ""
    path: str = ""
    reachability: str = ""  # as it found out with the help of others
    relays: bool = False  # it relays for members
    role: str = ""
    runtimes: List[RuntimeInfo] = field(default_factory=list)  # those it lends
    seq: int = 0  # grows with every change
    specs: Optional[Specs] = None
    state: str = ""
    time: Optional[datetime] = None  # when it was made, by the node's own clock
    total: Optional[Resources] = None  # lent at most
    traffic: List[Traffic] = field(default_factory=list)  # bytes of work exchanged with it since this node started, by path
    version: str = ""
    via: str = ""  # the member that relays, where the path is relayed


@dataclass(repr=False)
class PeerStatus(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"features", "id", "name", "time", "version"})
    features: List[str] = field(default_factory=list)
    id: str = ""
    name: str = ""
    time: Optional[datetime] = None
    version: str = ""


@dataclass(repr=False)
class PingResult(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"latency"})
    latency: str = ""


@dataclass(repr=False)
class Place(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"expires", "latency", "name", "relay", "since"})
    expires: Optional[datetime] = None  # renewed long before
    latency: str = ""  # round trip to the relay
    name: str = ""
    relay: str = ""
    since: Optional[datetime] = None


@dataclass(repr=False)
class Port(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"inside", "outside"})
    address: str = ""  # how it is reached from here, as far as this node knows
    inside: int = 0
    name: str = ""
    outside: int = 0  # on the lender's host


@dataclass(repr=False)
class Problem(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"detail", "kind", "status", "title", "type"})
    detail: str = ""  # what went wrong
    hint: str = ""  # what to try next
    kind: str = ""  # closed list; see docs/api.md
    op: str = ""  # what was being done; the owner's door only
    status: int = 0
    title: str = ""  # the kind in words
    type: str = ""  # always about:blank


@dataclass(repr=False)
class PublishSpec(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"inside"})
    inside: int = 0
    outside: int = 0  # on the lender; 0: any free one


@dataclass(repr=False)
class Reach(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"places", "reachability", "set_aside", "sightings", "tcp_leaves", "tcp_nat", "udp_leaves", "udp_nat"})
    places: List[Place] = field(default_factory=list)
    reachability: str = ""
    set_aside: List[SetAside] = field(default_factory=list)
    sightings: List[Sighting] = field(default_factory=list)
    tcp_leaves: bool = False  # a member outside was reached over TCP
    tcp_nat: str = ""
    udp_leaves: bool = False  # a member outside was reached over QUIC
    udp_nat: str = ""


@dataclass(repr=False)
class ReasonRequest(Model):
    reason: str = ""


@dataclass(repr=False)
class RelayStatus(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"active", "bytes", "circuits", "enabled", "limit", "places", "rate", "refused"})
    active: bool = False  # it is public and relays for members now
    bytes: int = 0  # relayed since start
    circuits: int = 0  # connections relayed now
    enabled: bool = False  # the owner lets it relay
    limit: int = 0  # circuits at most
    places: int = 0  # members that can be reached through it
    rate: int = 0  # bytes a second at most, both ways together; 0: no limit
    refused: int = 0  # circuits refused since start


@dataclass(repr=False)
class Resources(Model):
    cpu: float = 0.0  # cores
    disk: int = 0  # bytes
    gpu: int = 0  # whole GPUs
    memory: int = 0  # bytes


@dataclass(repr=False)
class RetryResult(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"tasks"})
    tasks: int = 0


@dataclass(repr=False)
class RevokeRequest(Model):
    all_admitted: bool = False  # with invite: revoke the nodes it admitted too
    invite: str = ""
    node: str = ""
    reason: str = ""


@dataclass(repr=False)
class RoleRequest(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"role"})
    role: str = ""


@dataclass(repr=False)
class Rule(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"action", "allow", "resource", "subject"})
    action: str = ""  # run, container, image, pull, network, forward, map, or *
    allow: bool = False
    resource: str = ""  # runtime:wasm, runtime:process, ..., for network: network:filtered or network:open, for pull: image:debian or image:registry.example/team/*, for forward: port:5432, port:8000-8010 or host:NAME:PORT, for map: listen:8000-8999 or domain:*.example.org at this gateway, or port:3000 here, or *
    subject: str = ""  # a peer id, role:member, role:admin, ..., or *


@dataclass(repr=False)
class RuntimeInfo(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"available", "enabled", "isolation", "limits", "missing", "name"})
    available: bool = False  # it works on this machine
    enabled: bool = False  # the owner lends it
    isolation: str = ""  # one line: what stands between a guest and the machine; none where nothing does
    limits: List[str] = field(default_factory=list)  # which limits are enforced: memory, cpu_time, wall_time, output, disk, processes
    missing: List[str] = field(default_factory=list)  # what it cannot give here and why
    name: str = ""
    networks: List[str] = field(default_factory=list)  # what guests may be given beyond none: filtered, open


@dataclass(repr=False)
class Sandbox(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"borrower", "borrower_name", "cap", "cpu", "cpu_time", "id", "job", "lease", "memory", "runtime", "since", "state", "task", "tasks"})
    borrower: str = ""
    borrower_name: str = ""
    cap: Optional[Resources] = None
    cpu: float = 0.0  # cores in use over the last second or so
    cpu_time: str = ""  # used since it was opened
    id: str = ""
    job: str = ""
    job_name: str = ""
    lease: str = ""
    memory: int = 0  # bytes in use now
    runtime: str = ""
    since: Optional[datetime] = None
    state: str = ""
    task: int = 0  # the one it runs now, -1 if none
    tasks: int = 0  # finished in it


@dataclass(repr=False)
class SendImage(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"image"})
    image: str = ""  # a name or an id on this node's engine, or the id of an archive that was uploaded
    peers: List[str] = field(default_factory=list)
    where: str = ""  # CEL over the peer record: to those that are alive and lend, where it is true, instead of peers


@dataclass(repr=False)
class SetAside(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"name", "relay", "until", "why"})
    name: str = ""
    relay: str = ""
    until: Optional[datetime] = None
    why: str = ""


@dataclass(repr=False)
class Sighting(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"addr", "asked", "name", "outside", "peer", "reached", "skew_ms", "time"})
    addr: str = ""  # the address it saw
    asked: bool = False  # it was asked to dial
    name: str = ""
    outside: bool = False  # it is not on this machine's own network
    peer: str = ""
    reached: List[str] = field(default_factory=list)  # addresses at which it reached this node
    skew_ms: int = 0  # its clock minus this machine's, in milliseconds
    time: Optional[datetime] = None


@dataclass(repr=False)
class Specs(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"arch", "cores", "cpu_model", "disk", "disk_free", "gpus", "hostname", "memory", "os"})
    arch: str = ""  # GOARCH
    cores: int = 0  # logical processors
    cpu_model: str = ""
    disk: int = 0  # bytes of the file system that holds the home
    disk_free: int = 0  # bytes free on it
    gpus: List[GPU] = field(default_factory=list)
    hostname: str = ""
    memory: int = 0  # bytes of RAM
    os: str = ""  # GOOS, with the distribution's name where known


@dataclass(repr=False)
class SpeedResult(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"down", "latency", "path", "up"})
    down: Optional[Throughput] = None  # from the peer
    latency: str = ""  # round trip, before anything else was sent
    path: str = ""
    up: Optional[Throughput] = None  # to the peer
    via: str = ""  # the relay of a relayed path


@dataclass(repr=False)
class Status(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"addrs", "alive", "blobs", "counters", "expires", "features", "home", "id", "jobs", "lend", "name", "network", "network_key", "peers", "pid", "reachability", "relay", "role", "started", "version"})
    addrs: List[str] = field(default_factory=list)
    alive: int = 0  # of them alive
    blobs: Optional[BlobStats] = None
    counters: Dict[str, int] = field(default_factory=dict)  # since start: refused_strangers, refused_requests, ...
    expires: Optional[datetime] = None  # of this node's membership
    features: List[str] = field(default_factory=list)
    home: str = ""
    id: str = ""
    jobs: int = 0  # running or paused
    lend: Optional[LendStatus] = None
    name: str = ""
    network: str = ""
    network_key: bool = False  # the network's key is in this home
    peers: int = 0  # other members known
    pid: int = 0
    reachability: str = ""
    relay: Optional[RelayStatus] = None
    role: str = ""
    started: Optional[datetime] = None
    version: str = ""


@dataclass(repr=False)
class Stream(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"size"})
    blob: str = ""
    inline: bytes = b""  # base64; up to 16 KiB
    size: int = 0


@dataclass(repr=False)
class Task(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"id", "state"})
    attempt: int = 0
    cause: str = ""
    each: Dict[str, str] = field(default_factory=dict)
    ended: Optional[datetime] = None
    error: str = ""  # in words, when it did not succeed
    exit: Optional[Exit] = None
    failures: int = 0  # retries spent
    files: List[OutputFile] = field(default_factory=list)
    id: int = 0
    peer: str = ""  # where it ran or runs
    state: str = ""
    stderr: Optional[Stream] = None
    stdout: Optional[Stream] = None
    usage: Optional[TaskUsage] = None


@dataclass(repr=False)
class TaskCounts(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"canceled", "done", "failed", "queued", "running", "total", "waiting"})
    canceled: int = 0
    done: int = 0
    failed: int = 0
    queued: int = 0  # given to a lender, not begun there
    running: int = 0
    total: int = 0
    waiting: int = 0  # given to nobody


@dataclass(repr=False)
class TaskLimits(Model):
    cpu: str = ""  # processor time
    output: int = 0  # bytes of stdout plus stderr; 64 MiB if 0
    wall: str = ""  # time from start to end


@dataclass(repr=False)
class TaskUsage(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "cpu", "max_memory", "wall"})
    bytes_in: int = 0  # inputs staged for it
    bytes_out: int = 0  # outputs and output streams
    cpu: str = ""  # user and system
    max_memory: int = 0  # bytes, highest resident size seen
    wall: str = ""


@dataclass(repr=False)
class Template(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"base", "description", "name", "ports"})
    base: bool = False  # its Dockerfile takes a base image
    description: str = ""
    name: str = ""
    ports: List[TemplatePort] = field(default_factory=list)
    problem: str = ""  # why it cannot be used


@dataclass(repr=False)
class TemplatePort(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"Description", "ExternalPort", "InternalPort", "IsUsed", "PortName", "Type"})
    Description: str = ""
    ExternalPort: int = 0  # filled in when a container is made
    InternalPort: int = 0
    IsUsed: bool = False
    PortName: str = ""
    Type: str = ""  # tcp


@dataclass(repr=False)
class Throughput(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes", "mbit_per_s", "time"})
    bytes: int = 0
    mbit_per_s: float = 0.0
    time: str = ""


@dataclass(repr=False)
class Traffic(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"path", "received", "sent"})
    path: str = ""
    received: int = 0
    sent: int = 0


@dataclass(repr=False)
class Tree(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"files"})
    files: List[TreeFile] = field(default_factory=list)  # sorted by path


@dataclass(repr=False)
class TreeFile(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"blob", "mode", "path", "size"})
    blob: str = ""
    mode: int = 0
    path: str = ""
    size: int = 0


@dataclass(repr=False)
class TreeInfo(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes", "files", "id"})
    bytes: int = 0
    files: int = 0
    id: str = ""


@dataclass(repr=False)
class Tunnel(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "id", "network", "peer", "since", "to"})
    bytes_in: int = 0  # to the target
    bytes_out: int = 0  # from the target
    id: str = ""
    name: str = ""  # its name
    network: str = ""
    peer: str = ""  # who connected
    public: bool = False  # for somebody outside of the network: it comes through a mapping
    since: Optional[datetime] = None
    to: str = ""  # HOST:PORT; no host: this machine


@dataclass(repr=False)
class UsageRow(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"bytes_in", "bytes_out", "cpu_seconds", "gpu_seconds", "memory_byte_seconds", "tasks"})
    bytes_in: int = 0  # modules, inputs and standard input that came here for it
    bytes_out: int = 0
    cpu_seconds: float = 0.0
    day: str = ""  # YYYY-MM-DD, UTC
    gpu_seconds: float = 0.0
    job: str = ""
    memory_byte_seconds: float = 0.0  # bytes resident times seconds
    peer: str = ""
    peer_name: str = ""
    tasks: int = 0


@dataclass(repr=False)
class Why(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"peers", "waiting"})
    peers: List[WhyPeer] = field(default_factory=list)
    waiting: int = 0


@dataclass(repr=False)
class WhyPeer(Model):
    _required: ClassVar[FrozenSet[str]] = frozenset({"name", "ok", "peer", "reason"})
    name: str = ""
    ok: bool = False
    peer: str = ""
    reason: str = ""

