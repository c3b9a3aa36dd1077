"""The routes of the API as methods. Generated from the node's OpenAPI document by bindings/gen; do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Any, AsyncIterator, Dict, List, Optional
from urllib.parse import quote

from . import types as t


class AsyncRoutes:
    """Every route that a node's owner has. Arguments called peer, job or container
    are what a person types: names and unique parts of ids."""

    async def _call(self, method: str, path: str, query: Any, body: Any, content: str, into: Any) -> Any:
        raise NotImplementedError

    def _rows(self, method: str, path: str, query: Any, body: Any, into: Any) -> Any:
        raise NotImplementedError

    async def add_peer(self, body: t.AddrRequest) -> t.Peer:
        """dial an address and learn whose it is"""
        return await self._call("POST", "/v1/peers", None, body, "application/json", t.Peer)

    async def add_to_group(self, group: str, body: t.GroupChange) -> t.Group:
        """put containers into a group"""
        return await self._call("POST", f'/v1/groups/{quote(str(group), safe="")}/add', None, body, "application/json", t.Group)

    async def blob_stats(self) -> t.BlobStats:
        """the content store at a glance"""
        return await self._call("GET", "/v1/blobs", None, None, "", t.BlobStats)

    async def cancel_job(self, job: str, body: Optional[t.ReasonRequest] = None) -> None:
        """end a job"""
        return await self._call("POST", f'/v1/jobs/{quote(str(job), safe="")}/cancel', None, body, "application/json", None)

    async def carried(self) -> List[t.Carried]:
        """what members map through this node"""
        return await self._call("GET", "/v1/lend/mappings", None, None, "", List[t.Carried])

    async def close_carried(self, id: str) -> None:
        """end a member's mapping and its connections"""
        return await self._call("POST", f'/v1/lend/mappings/{quote(str(id), safe="")}/close', None, None, "", None)

    async def close_tunnel(self, id: str) -> None:
        """end a member's connection"""
        return await self._call("POST", f'/v1/lend/tunnels/{quote(str(id), safe="")}/close', None, None, "", None)

    def container_logs(self, container: str, *, follow: Optional[bool] = None, tail: Optional[int] = None) -> AsyncIterator[t.ContainerLog]:
        """what its main command printed"""
        return self._rows("GET", f'/v1/containers/{quote(str(container), safe="")}/logs', {"follow": follow, "tail": tail}, None, t.ContainerLog)

    def container_stats(self, container: str, *, follow: Optional[bool] = None) -> AsyncIterator[t.Container]:
        """what a container uses, once or once a second"""
        return self._rows("GET", f'/v1/containers/{quote(str(container), safe="")}/stats', {"follow": follow}, None, t.Container)

    async def containers(self) -> List[t.Container]:
        """what this node has at its lenders, with what it uses"""
        return await self._call("GET", "/v1/containers", None, None, "", List[t.Container])

    def create_container(self, peer: str, body: t.ContainerSpec) -> AsyncIterator[t.ContainerEvent]:
        """have a peer make a long-lived container"""
        return self._rows("POST", f'/v1/peers/{quote(str(peer), safe="")}/containers', None, body, t.ContainerEvent)

    async def create_group(self, body: t.Group) -> t.Group:
        """make a group"""
        return await self._call("POST", "/v1/groups", None, body, "application/json", t.Group)

    async def create_invite(self, body: t.InviteRequest) -> t.InviteToken:
        """make an invite"""
        return await self._call("POST", "/v1/invites", None, body, "application/json", t.InviteToken)

    async def doctor(self) -> t.Diagnosis:
        """the node's place in the network, looked at now, with advice"""
        return await self._call("GET", "/v1/doctor", None, None, "", t.Diagnosis)

    async def drain_lending(self, body: Optional[t.ReasonRequest] = None) -> None:
        """take no more, let what runs end"""
        return await self._call("POST", "/v1/lend/drain", None, body, "application/json", None)

    def events(self, *, since: Optional[int] = None, follow: Optional[bool] = None) -> AsyncIterator[t.Event]:
        """what happens, from a cursor on"""
        return self._rows("GET", "/v1/events", {"since": since, "follow": follow}, None, t.Event)

    async def export_key(self, body: t.KeyRequest) -> t.NetworkKey:
        """the network's key, encrypted"""
        return await self._call("POST", "/v1/network/key/export", None, body, "application/json", t.NetworkKey)

    def forward(self, body: t.ForwardSpec) -> AsyncIterator[t.ForwardEvent]:
        """a local port that leads to a peer or a container, as long as the request lasts"""
        return self._rows("POST", "/v1/forward", None, body, t.ForwardEvent)

    async def gc_blobs(self) -> t.GCResult:
        """drop what nothing needs any more"""
        return await self._call("POST", "/v1/blobs/gc", None, None, "", t.GCResult)

    async def get_blob(self, id: str) -> bytes:
        """download bytes, also a range of them"""
        return await self._call("GET", f'/v1/blobs/{quote(str(id), safe="")}', None, None, "", bytes)

    async def get_tree(self, id: str) -> t.Tree:
        """a folder's manifest"""
        return await self._call("GET", f'/v1/trees/{quote(str(id), safe="")}', None, None, "", t.Tree)

    async def group(self, group: str) -> t.Group:
        """one group"""
        return await self._call("GET", f'/v1/groups/{quote(str(group), safe="")}', None, None, "", t.Group)

    async def groups(self) -> List[t.Group]:
        """named sets of containers"""
        return await self._call("GET", "/v1/groups", None, None, "", List[t.Group])

    async def images(self) -> List[t.Image]:
        """the images of the node's container engine; to peers those that they may run"""
        return await self._call("GET", "/v1/images", None, None, "", List[t.Image])

    async def import_image(self, body: Any) -> t.Image:
        """upload an image's archive, to be sent by its id"""
        return await self._call("POST", "/v1/images", None, body, "application/x-tar", t.Image)

    async def invites(self) -> List[t.Invite]:
        """invites made here"""
        return await self._call("GET", "/v1/invites", None, None, "", List[t.Invite])

    async def job(self, job: str) -> t.JobDetail:
        """one job with what was submitted"""
        return await self._call("GET", f'/v1/jobs/{quote(str(job), safe="")}', None, None, "", t.JobDetail)

    async def jobs(self) -> List[t.Job]:
        """jobs, running and ended"""
        return await self._call("GET", "/v1/jobs", None, None, "", List[t.Job])

    async def join(self, body: t.JoinRequest) -> t.JoinResult:
        """go into the network of an invite"""
        return await self._call("POST", "/v1/join", None, body, "application/json", t.JoinResult)

    async def kill_sandbox(self, id: str, body: Optional[t.ReasonRequest] = None) -> None:
        """end a sandbox with all that is in it"""
        return await self._call("POST", f'/v1/lend/sandboxes/{quote(str(id), safe="")}/kill', None, body, "application/json", None)

    async def leave(self) -> None:
        """leave the network for a new one of its own"""
        return await self._call("POST", "/v1/leave", None, None, "", None)

    async def lend(self) -> t.LendStatus:
        """the lending side at a glance"""
        return await self._call("GET", "/v1/lend", None, None, "", t.LendStatus)

    async def limits(self) -> t.Limits:
        """what is lent at most"""
        return await self._call("GET", "/v1/lend/limits", None, None, "", t.Limits)

    async def limits_end(self, body: t.Limits) -> List[t.Sandbox]:
        """the long-lived containers that other limits would take away"""
        return await self._call("POST", "/v1/lend/limits/ends", None, body, "application/json", List[t.Sandbox])

    async def map(self, body: t.MapSpec) -> t.Mapping:
        """open a port at a gateway, and keep it open"""
        return await self._call("POST", "/v1/mappings", None, body, "application/json", t.Mapping)

    async def mappings(self) -> List[t.Mapping]:
        """this node's ports at gateways"""
        return await self._call("GET", "/v1/mappings", None, None, "", List[t.Mapping])

    async def members(self) -> List[t.Member]:
        """admitted nodes, seen or not"""
        return await self._call("GET", "/v1/members", None, None, "", List[t.Member])

    async def openapi(self) -> Any:
        """this document"""
        return await self._call("GET", "/v1/openapi.json", None, None, "", object)

    async def pause_job(self, job: str) -> None:
        """start no more tasks"""
        return await self._call("POST", f'/v1/jobs/{quote(str(job), safe="")}/pause', None, None, "", None)

    async def pause_lending(self, body: Optional[t.ReasonRequest] = None) -> None:
        """freeze every guest and take no more"""
        return await self._call("POST", "/v1/lend/pause", None, body, "application/json", None)

    async def pause_sandbox(self, id: str) -> None:
        """freeze a sandbox"""
        return await self._call("POST", f'/v1/lend/sandboxes/{quote(str(id), safe="")}/pause', None, None, "", None)

    async def peer(self, peer: str) -> t.Peer:
        """one peer"""
        return await self._call("GET", f'/v1/peers/{quote(str(peer), safe="")}', None, None, "", t.Peer)

    async def peer_images(self, peer: str) -> List[t.Image]:
        """ask a peer for the images that this node may run there"""
        return await self._call("GET", f'/v1/peers/{quote(str(peer), safe="")}/images', None, None, "", List[t.Image])

    async def peer_specs(self, peer: str) -> t.Specs:
        """ask a peer what its machine is"""
        return await self._call("GET", f'/v1/peers/{quote(str(peer), safe="")}/specs', None, None, "", t.Specs)

    async def peers(self, *, where: Optional[str] = None) -> List[t.Peer]:
        """the peer table, this node included"""
        return await self._call("GET", "/v1/peers", {"where": where}, None, "", List[t.Peer])

    async def ping_peer(self, peer: str) -> t.PingResult:
        """measure the round trip to a peer"""
        return await self._call("POST", f'/v1/peers/{quote(str(peer), safe="")}/ping', None, None, "", t.PingResult)

    async def policy(self) -> List[t.Rule]:
        """who may do what here"""
        return await self._call("GET", "/v1/lend/policy", None, None, "", List[t.Rule])

    async def policy_end(self, body: List[t.Rule]) -> List[t.Sandbox]:
        """the long-lived containers that another policy would take away"""
        return await self._call("POST", "/v1/lend/policy/ends", None, body, "application/json", List[t.Sandbox])

    async def put_blob(self, body: Any) -> t.BlobInfo:
        """upload bytes"""
        return await self._call("POST", "/v1/blobs", None, body, "application/octet-stream", t.BlobInfo)

    async def put_tree(self, body: Any) -> t.TreeInfo:
        """upload a folder as a tar"""
        return await self._call("POST", "/v1/trees", None, body, "application/x-tar", t.TreeInfo)

    async def refresh_peers(self) -> List[t.Peer]:
        """ask every peer anew"""
        return await self._call("POST", "/v1/peers/refresh", None, None, "", List[t.Peer])

    async def remove_container(self, container: str, *, force: Optional[bool] = None) -> None:
        """take a container away"""
        return await self._call("DELETE", f'/v1/containers/{quote(str(container), safe="")}', {"force": force}, None, "", None)

    async def remove_from_group(self, group: str, body: t.GroupChange) -> t.Group:
        """take containers out of a group"""
        return await self._call("POST", f'/v1/groups/{quote(str(group), safe="")}/remove', None, body, "application/json", t.Group)

    async def remove_group(self, group: str) -> None:
        """forget a group; its containers live on"""
        return await self._call("DELETE", f'/v1/groups/{quote(str(group), safe="")}', None, None, "", None)

    async def remove_job(self, job: str) -> None:
        """forget an ended job"""
        return await self._call("DELETE", f'/v1/jobs/{quote(str(job), safe="")}', None, None, "", None)

    async def remove_key(self, body: t.KeyRequest) -> None:
        """take the network's key off the home, given a working export"""
        return await self._call("POST", "/v1/network/key/remove", None, body, "application/json", None)

    async def restore_key(self, body: t.KeyRequest) -> t.JoinResult:
        """bring an exported network key back"""
        return await self._call("POST", "/v1/network/key/restore", None, body, "application/json", t.JoinResult)

    def results(self, job: str) -> AsyncIterator[t.Task]:
        """ended tasks and the files they left"""
        return self._rows("GET", f'/v1/jobs/{quote(str(job), safe="")}/results', None, None, t.Task)

    async def resume_job(self, job: str) -> None:
        """go on"""
        return await self._call("POST", f'/v1/jobs/{quote(str(job), safe="")}/resume', None, None, "", None)

    async def resume_lending(self) -> None:
        """undo a pause or a drain"""
        return await self._call("POST", "/v1/lend/resume", None, None, "", None)

    async def resume_sandbox(self, id: str) -> None:
        """let a frozen sandbox go on"""
        return await self._call("POST", f'/v1/lend/sandboxes/{quote(str(id), safe="")}/resume', None, None, "", None)

    async def retry_job(self, job: str) -> t.RetryResult:
        """run failed and canceled tasks again"""
        return await self._call("POST", f'/v1/jobs/{quote(str(job), safe="")}/retry', None, None, "", t.RetryResult)

    async def revoke(self, body: t.RevokeRequest) -> None:
        """end memberships"""
        return await self._call("POST", "/v1/revocations", None, body, "application/json", None)

    async def revoke_invite(self, id: str) -> None:
        """make an invite admit nobody any more"""
        return await self._call("DELETE", f'/v1/invites/{quote(str(id), safe="")}', None, None, "", None)

    async def sandboxes(self) -> List[t.Sandbox]:
        """who runs what here now"""
        return await self._call("GET", "/v1/lend/sandboxes", None, None, "", List[t.Sandbox])

    def send_image(self, body: t.SendImage) -> AsyncIterator[t.ImageProgress]:
        """give an image to members, and watch"""
        return self._rows("POST", "/v1/images/send", None, body, t.ImageProgress)

    async def set_labels(self, body: Dict[str, str]) -> None:
        """replace the labels of the node's record"""
        return await self._call("PUT", "/v1/labels", None, body, "application/json", None)

    async def set_limits(self, body: t.Limits) -> None:
        """replace the limits"""
        return await self._call("PUT", "/v1/lend/limits", None, body, "application/json", None)

    async def set_meta(self, body: t.MetaRequest) -> None:
        """replace the custom text of the node's record"""
        return await self._call("PUT", "/v1/meta", None, body, "application/json", None)

    async def set_policy(self, body: List[t.Rule]) -> None:
        """replace the policy"""
        return await self._call("PUT", "/v1/lend/policy", None, body, "application/json", None)

    async def set_role(self, peer: str, body: t.RoleRequest) -> None:
        """give a member another role"""
        return await self._call("PUT", f'/v1/members/{quote(str(peer), safe="")}/role', None, body, "application/json", None)

    async def shutdown(self) -> None:
        """stop the node"""
        return await self._call("POST", "/v1/shutdown", None, None, "", None)

    async def specs(self) -> t.Specs:
        """what the node's machine is"""
        return await self._call("GET", "/v1/specs", None, None, "", t.Specs)

    async def speed_peer(self, peer: str) -> t.SpeedResult:
        """measure what the path to a peer carries, both ways"""
        return await self._call("POST", f'/v1/peers/{quote(str(peer), safe="")}/speed', None, None, "", t.SpeedResult)

    async def start_container(self, container: str) -> t.Container:
        """run a stopped container again"""
        return await self._call("POST", f'/v1/containers/{quote(str(container), safe="")}/start', None, None, "", t.Container)

    async def status(self) -> t.Status:
        """the node at a glance"""
        return await self._call("GET", "/v1/status", None, None, "", t.Status)

    async def stop_container(self, container: str) -> t.Container:
        """end what runs in a container, keep its files"""
        return await self._call("POST", f'/v1/containers/{quote(str(container), safe="")}/stop', None, None, "", t.Container)

    async def submit_job(self, body: t.JobSpec) -> t.Job:
        """submit a job"""
        return await self._call("POST", "/v1/jobs", None, body, "application/json", t.Job)

    async def task(self, job: str, task: int) -> t.Task:
        """one task"""
        return await self._call("GET", f'/v1/jobs/{quote(str(job), safe="")}/tasks/{quote(str(task), safe="")}', None, None, "", t.Task)

    def task_log(self, job: str, task: int, *, follow: Optional[bool] = None) -> AsyncIterator[t.LogChunk]:
        """a task's output"""
        return self._rows("GET", f'/v1/jobs/{quote(str(job), safe="")}/tasks/{quote(str(task), safe="")}/log', {"follow": follow}, None, t.LogChunk)

    async def tasks(self, job: str, *, state: Optional[str] = None, after: Optional[int] = None, limit: Optional[int] = None) -> List[t.Task]:
        """a page of a job's tasks"""
        return await self._call("GET", f'/v1/jobs/{quote(str(job), safe="")}/tasks', {"state": state, "after": after, "limit": limit}, None, "", List[t.Task])

    async def templates(self, peer: str) -> List[t.Template]:
        """what a peer's containers can be made from"""
        return await self._call("GET", f'/v1/peers/{quote(str(peer), safe="")}/templates', None, None, "", List[t.Template])

    async def tunnels(self) -> List[t.Tunnel]:
        """who is connected to what on or beside this machine"""
        return await self._call("GET", "/v1/lend/tunnels", None, None, "", List[t.Tunnel])

    async def unmap(self, id: str) -> None:
        """close a port at a gateway"""
        return await self._call("DELETE", f'/v1/mappings/{quote(str(id), safe="")}', None, None, "", None)

    async def usage(self, *, by: Optional[List[str]] = None, since: Optional[datetime] = None) -> List[t.UsageRow]:
        """the ledger, summed"""
        return await self._call("GET", "/v1/lend/usage", {"by": by, "since": since}, None, "", List[t.UsageRow])

    def watch_job(self, job: str) -> AsyncIterator[t.Event]:
        """a job's state and events until it ends"""
        return self._rows("GET", f'/v1/jobs/{quote(str(job), safe="")}/events', None, None, t.Event)

    async def why_job(self, job: str) -> t.Why:
        """what waiting tasks wait for"""
        return await self._call("GET", f'/v1/jobs/{quote(str(job), safe="")}/why', None, None, "", t.Why)
