package routes

import (
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// Body limits in bytes.
const (
	small  = 64 << 10
	medium = 1 << 20
	large  = 64 << 20 // a job whose array is written out
	huge   = 1 << 40  // bytes for the content store, whose quota is the real limit
)

// Table is every route a node has. No row, no route.
func Table(s *Services) []door.Row {
	type (
		audience   = door.Audience
		permission = door.Permission
	)
	const (
		owner, peer, both = door.Owner, door.Peer, door.Both
		own, member       = door.Own, door.Member
		borrow            = door.Borrow
	)
	row := func(method, path string, p permission, a audience, body int64, tag, id, summary string, h door.Handler) door.Row {
		return door.Row{Method: method, Path: path, Permission: p, Audience: a, MaxBody: body, Tag: tag, ID: id, Summary: summary, Handler: h}
	}
	return []door.Row{
		row("GET", "/v1/status", own, owner, 0, "node", "status", "the node at a glance", door.Get(s.status)),
		row("GET", "/v1/doctor", own, owner, 0, "node", "doctor", "the node's place in the network, looked at now, with advice", door.Get(s.doctor)),
		row("GET", "/v1/peer-status", member, peer, 0, "node", "peer-status", "the node at a glance, for its peers", door.Get(s.peerStatus)),
		row("GET", "/v1/specs", member, both, 0, "node", "specs", "what the node's machine is", door.Get(s.specs)),
		row("GET", "/v1/openapi.json", member, both, 0, "node", "openapi", "this document", door.Download("application/json", s.openapi)),
		row("GET", "/v1/events", own, owner, 0, "node", "events", "what happens, from a cursor on", door.Stream(s.events)),
		row("POST", "/v1/shutdown", own, owner, 0, "node", "shutdown", "stop the node", door.Do(s.shutdown)),
		row("PUT", "/v1/labels", own, owner, small, "node", "set-labels", "replace the labels of the node's record", door.Do(s.setLabels)),
		row("PUT", "/v1/meta", own, owner, small, "node", "set-meta", "replace the custom text of the node's record", door.Do(s.setMeta)),

		row("GET", "/v1/peers", own, owner, 0, "peers", "peers", "the peer table, this node included", door.Get(s.peers)),
		row("POST", "/v1/peers", own, owner, small, "peers", "add-peer", "dial an address and learn whose it is", door.Get(s.addPeer)),
		row("POST", "/v1/peers/refresh", own, owner, 0, "peers", "refresh-peers", "ask every peer anew", door.Get(s.refreshPeers)),
		row("GET", "/v1/peers/{peer}", own, owner, 0, "peers", "peer", "one peer", door.Get(s.peer)),
		row("POST", "/v1/peers/{peer}/ping", own, owner, 0, "peers", "ping-peer", "measure the round trip to a peer", door.Get(s.pingPeer)),
		row("POST", "/v1/peers/{peer}/speed", own, owner, 0, "peers", "speed-peer", "measure what the path to a peer carries, both ways", door.Get(s.speedPeer)),
		row("GET", "/v1/peers/{peer}/specs", own, owner, 0, "peers", "peer-specs", "ask a peer what its machine is", door.Get(s.peerSpecs)),

		row("GET", "/v1/invites", own, owner, 0, "members", "invites", "invites made here", door.Get(s.invites)),
		row("POST", "/v1/invites", own, owner, small, "members", "create-invite", "make an invite", door.Get(s.createInvite)),
		row("DELETE", "/v1/invites/{id}", own, owner, 0, "members", "revoke-invite", "make an invite admit nobody any more", door.Do(s.revokeInvite)),
		row("POST", "/v1/join", own, owner, small, "members", "join", "go into the network of an invite", door.Get(s.join)),
		row("POST", "/v1/leave", own, owner, 0, "members", "leave", "leave the network for a new one of its own", door.Do(s.leave)),
		row("POST", "/v1/network/key/export", own, owner, small, "members", "export-key", "the network's key, encrypted", door.Get(s.exportKey)),
		row("POST", "/v1/network/key/remove", own, owner, small, "members", "remove-key", "take the network's key off the home, given a working export", door.Do(s.removeKey)),
		row("POST", "/v1/network/key/restore", own, owner, small, "members", "restore-key", "bring an exported network key back", door.Get(s.restoreKey)),
		row("GET", "/v1/members", own, owner, 0, "members", "members", "admitted nodes, seen or not", door.Get(s.members)),
		row("PUT", "/v1/members/{peer}/role", own, owner, small, "members", "set-role", "give a member another role", door.Do(s.setRole)),
		row("POST", "/v1/revocations", own, owner, small, "members", "revoke", "end memberships", door.Do(s.revoke)),

		row("GET", "/v1/blobs", own, owner, 0, "blobs", "blob-stats", "the content store at a glance", door.Get(s.blobStats)),
		row("POST", "/v1/blobs", own, owner, huge, "blobs", "put-blob", "upload bytes", door.Upload("application/octet-stream", s.putBlob)),
		row("POST", "/v1/blobs/gc", own, owner, 0, "blobs", "gc-blobs", "drop what nothing needs any more", door.Get(s.gcBlobs)),
		row("GET", "/v1/blobs/{id}", own, owner, 0, "blobs", "get-blob", "download bytes, also a range of them", door.Download("application/octet-stream", s.getBlob)),
		row("POST", "/v1/trees", own, owner, huge, "blobs", "put-tree", "upload a folder as a tar", door.Upload("application/x-tar", s.putTree)),
		row("GET", "/v1/trees/{id}", own, owner, 0, "blobs", "get-tree", "a folder's manifest", door.Get(s.getTree)),

		row("GET", "/v1/images", borrow, both, 0, "images", "images", "the images of the node's container engine; to peers those that they may run", door.Get(s.images)),
		row("POST", "/v1/images", own, owner, huge, "images", "import-image", "upload an image's archive, to be sent by its id", door.Upload("application/x-tar", s.importImage)),
		row("POST", "/v1/images/send", own, owner, medium, "images", "send-image", "give an image to members, and watch", door.Stream(s.sendImage)),
		row("GET", "/v1/peers/{peer}/images", own, owner, 0, "images", "peer-images", "ask a peer for the images that this node may run there", door.Get(s.peerImages)),

		row("GET", "/v1/jobs", own, owner, 0, "jobs", "jobs", "jobs, running and ended", door.Get(s.jobs)),
		row("POST", "/v1/jobs", own, owner, large, "jobs", "submit-job", "submit a job", door.Get(s.submitJob)),
		row("GET", "/v1/jobs/{job}", own, owner, 0, "jobs", "job", "one job with what was submitted", door.Get(s.job)),
		row("DELETE", "/v1/jobs/{job}", own, owner, 0, "jobs", "remove-job", "forget an ended job", door.Do(s.removeJob)),
		row("GET", "/v1/jobs/{job}/tasks", own, owner, 0, "jobs", "tasks", "a page of a job's tasks", door.Get(s.tasks)),
		row("GET", "/v1/jobs/{job}/tasks/{task}", own, owner, 0, "jobs", "task", "one task", door.Get(s.task)),
		row("GET", "/v1/jobs/{job}/tasks/{task}/log", own, owner, 0, "jobs", "task-log", "a task's output", door.Stream(s.taskLog)),
		row("GET", "/v1/jobs/{job}/events", own, owner, 0, "jobs", "watch-job", "a job's state and events until it ends", door.Stream(s.watchJob)),
		row("GET", "/v1/jobs/{job}/results", own, owner, 0, "jobs", "results", "ended tasks and the files they left", door.Stream(s.results)),
		row("GET", "/v1/jobs/{job}/why", own, owner, 0, "jobs", "why-job", "what waiting tasks wait for", door.Get(s.whyJob)),
		row("POST", "/v1/jobs/{job}/pause", own, owner, 0, "jobs", "pause-job", "start no more tasks", door.Do(s.pauseJob)),
		row("POST", "/v1/jobs/{job}/resume", own, owner, 0, "jobs", "resume-job", "go on", door.Do(s.resumeJob)),
		row("POST", "/v1/jobs/{job}/cancel", own, owner, small, "jobs", "cancel-job", "end a job", door.Do(s.cancelJob)),
		row("POST", "/v1/jobs/{job}/retry", own, owner, 0, "jobs", "retry-job", "run failed and canceled tasks again", door.Get(s.retryJob)),

		row("POST", "/v1/peers/{peer}/containers", own, owner, medium, "containers", "create-container", "have a peer make a long-lived container", door.Stream(s.createContainer)),
		row("GET", "/v1/peers/{peer}/templates", own, owner, 0, "containers", "templates", "what a peer's containers can be made from", door.Get(s.templates)),
		row("GET", "/v1/containers", own, owner, 0, "containers", "containers", "what this node has at its lenders, with what it uses", door.Get(s.containers)),
		row("DELETE", "/v1/containers/{container}", own, owner, 0, "containers", "remove-container", "take a container away", door.Do(s.removeContainer)),
		row("POST", "/v1/containers/{container}/start", own, owner, 0, "containers", "start-container", "run a stopped container again", door.Get(s.startContainer)),
		row("POST", "/v1/containers/{container}/stop", own, owner, 0, "containers", "stop-container", "end what runs in a container, keep its files", door.Get(s.stopContainer)),
		row("GET", "/v1/containers/{container}/logs", own, owner, 0, "containers", "container-logs", "what its main command printed", door.Stream(s.containerLogs)),
		row("GET", "/v1/containers/{container}/stats", own, owner, 0, "containers", "container-stats", "what a container uses, once or once a second", door.Stream(s.containerStats)),
		row("POST", "/v1/containers/{container}/session", own, owner, 0, "containers", "container-session", "a command, files or a connection in a container, see docs/containers.md", door.Upgrade(session.Upgrade, s.containerSession)),
		row("POST", "/v1/containers/{container}/ssh", own, owner, 0, "containers", "container-ssh", "an SSH connection to the node's own server, for a container", door.Upgrade(api.SSHProtocol, s.containerSSH)),

		row("GET", "/v1/groups", own, owner, 0, "groups", "groups", "named sets of containers", door.Get(s.groups)),
		row("POST", "/v1/groups", own, owner, medium, "groups", "create-group", "make a group", door.Get(s.createGroup)),
		row("GET", "/v1/groups/{group}", own, owner, 0, "groups", "group", "one group", door.Get(s.group)),
		row("DELETE", "/v1/groups/{group}", own, owner, 0, "groups", "remove-group", "forget a group; its containers live on", door.Do(s.removeGroup)),
		row("POST", "/v1/groups/{group}/add", own, owner, medium, "groups", "add-to-group", "put containers into a group", door.Get(s.addToGroup)),
		row("POST", "/v1/groups/{group}/remove", own, owner, medium, "groups", "remove-from-group", "take containers out of a group", door.Get(s.removeFromGroup)),

		row("POST", "/v1/forward", own, owner, small, "forward", "forward", "a local port that leads to a peer or a container, as long as the request lasts", door.Stream(s.forward)),
		row("GET", "/v1/mappings", own, owner, 0, "forward", "mappings", "this node's ports at gateways", door.Get(s.mappings)),
		row("POST", "/v1/mappings", own, owner, small, "forward", "map", "open a port at a gateway, and keep it open", door.Get(s.mapPort)),
		row("DELETE", "/v1/mappings/{id}", own, owner, 0, "forward", "unmap", "close a port at a gateway", door.Do(s.unmap)),

		row("GET", "/v1/lend", own, owner, 0, "lend", "lend", "the lending side at a glance", door.Get(s.lend)),
		row("GET", "/v1/lend/sandboxes", own, owner, 0, "lend", "sandboxes", "who runs what here now", door.Get(s.sandboxes)),
		row("POST", "/v1/lend/pause", own, owner, small, "lend", "pause-lending", "freeze every guest and take no more", door.Do(s.pauseLending)),
		row("POST", "/v1/lend/resume", own, owner, 0, "lend", "resume-lending", "undo a pause or a drain", door.Do(s.resumeLending)),
		row("POST", "/v1/lend/drain", own, owner, small, "lend", "drain-lending", "take no more, let what runs end", door.Do(s.drainLending)),
		row("POST", "/v1/lend/sandboxes/{id}/kill", own, owner, small, "lend", "kill-sandbox", "end a sandbox with all that is in it", door.Do(s.killSandbox)),
		row("POST", "/v1/lend/sandboxes/{id}/pause", own, owner, 0, "lend", "pause-sandbox", "freeze a sandbox", door.Do(s.pauseSandbox)),
		row("POST", "/v1/lend/sandboxes/{id}/resume", own, owner, 0, "lend", "resume-sandbox", "let a frozen sandbox go on", door.Do(s.resumeSandbox)),
		row("GET", "/v1/lend/tunnels", own, owner, 0, "lend", "tunnels", "who is connected to what on or beside this machine", door.Get(s.tunnels)),
		row("POST", "/v1/lend/tunnels/{id}/close", own, owner, 0, "lend", "close-tunnel", "end a member's connection", door.Do(s.closeTunnel)),
		row("GET", "/v1/lend/mappings", own, owner, 0, "lend", "carried", "what members map through this node", door.Get(s.carried)),
		row("POST", "/v1/lend/mappings/{id}/close", own, owner, 0, "lend", "close-carried", "end a member's mapping and its connections", door.Do(s.closeCarried)),
		row("GET", "/v1/lend/limits", own, owner, 0, "lend", "limits", "what is lent at most", door.Get(s.limits)),
		row("PUT", "/v1/lend/limits", own, owner, small, "lend", "set-limits", "replace the limits", door.Do(s.setLimits)),
		row("POST", "/v1/lend/limits/ends", own, owner, small, "lend", "limits-end", "the long-lived containers that other limits would take away", door.Get(s.limitsEnd)),
		row("GET", "/v1/lend/policy", own, owner, 0, "lend", "policy", "who may do what here", door.Get(s.policy)),
		row("PUT", "/v1/lend/policy", own, owner, medium, "lend", "set-policy", "replace the policy", door.Do(s.setPolicy)),
		row("POST", "/v1/lend/policy/ends", own, owner, medium, "lend", "policy-end", "the long-lived containers that another policy would take away", door.Get(s.policyEnd)),
		row("GET", "/v1/lend/usage", own, owner, 0, "lend", "usage", "the ledger, summed", door.Get(s.usage)),
		row("GET", "/v1/leases", borrow, peer, 0, "lend", "leases", "the caller's own leases here", door.Get(s.leases)),
	}
}
