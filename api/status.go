package api

import "time"

// Status is a node at a glance, for its owner.
type Status struct {
	ID       PeerID           `json:"id"`
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	Features []string         `json:"features"`
	Home     string           `json:"home"`
	PID      int              `json:"pid"`
	Started  time.Time        `json:"started"`
	Network  NetworkID        `json:"network"`
	Key      bool             `json:"network_key" doc:"the network's key is in this home"`
	Role     Role             `json:"role"`
	Expires  time.Time        `json:"expires" doc:"of this node's membership"`
	Addrs    []string         `json:"addrs"`
	Peers    int              `json:"peers" doc:"other members known"`
	Alive    int              `json:"alive" doc:"of them alive"`
	Jobs     int              `json:"jobs" doc:"running or paused"`
	Lend     LendStatus       `json:"lend"`
	Reach    Reachability     `json:"reachability"`
	Relay    RelayStatus      `json:"relay"`
	Blobs    BlobStats        `json:"blobs"`
	Counters map[string]int64 `json:"counters" doc:"since start: refused_strangers, refused_requests, ..."`
}

// BlobStats is the content store at a glance.
type BlobStats struct {
	Count  int64 `json:"count"`
	Bytes  int64 `json:"bytes"`
	Quota  int64 `json:"quota" doc:"bytes it may hold"`
	Pinned int64 `json:"pinned" doc:"bytes that may not be dropped now"`
}

// PeerStatus is a node at a glance, for its peers.
type PeerStatus struct {
	ID       PeerID    `json:"id"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Features []string  `json:"features"`
	Time     time.Time `json:"time"`
}

// EventType says what an event is about.
type EventType string

// The types of events. New ones may come; readers ignore those they do not know.
const (
	EventJob     EventType = "job"     // a job's state or counts changed: Job is set
	EventTask    EventType = "task"    // a task ended or was lost: Job id and Task are set
	EventPeer    EventType = "peer"    // a peer appeared, changed state or left: Peer is set
	EventSandbox EventType = "sandbox" // a sandbox opened or closed here: Sandbox is set
	EventLend    EventType = "lend"    // the lending state, limits or policy changed
	EventMember  EventType = "member"  // admitted, revoked, joined
	EventRefused EventType = "refused" // somebody was refused: Msg says who and why
	EventGap     EventType = "gap"     // events before this one are no longer known: read the state anew
)

// Event is one thing that happened on a node. Cursor grows by one or more.
type Event struct {
	Cursor  Cursor    `json:"cursor"`
	Time    time.Time `json:"time"`
	Type    EventType `json:"type"`
	Job     *Job      `json:"job,omitempty"`
	JobID   JobID     `json:"job_id,omitempty"`
	Task    *Task     `json:"task,omitempty"`
	Peer    *Peer     `json:"peer,omitempty"`
	Sandbox *Sandbox  `json:"sandbox,omitempty"`
	Msg     string    `json:"msg,omitempty"`
}
