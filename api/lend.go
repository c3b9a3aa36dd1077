package api

import "time"

// LendState is whether a node takes work.
type LendState string

// The lending states. Draining takes no more and lets what runs end.
const (
	LendOpen     LendState = "open"
	LendPaused   LendState = "paused"
	LendDraining LendState = "draining"
	LendOff      LendState = "off"
)

// Limits is what the owner lends at most. A zero cap means the default that
// docs/lending.md names, not "unlimited".
type Limits struct {
	Total    Resources     `json:"total" doc:"for all guests together; cores-1 (at least 1) and half of memory by default" required:"false"`
	PerPeer  Resources     `json:"per_peer,omitzero" doc:"for all sandboxes of one peer; 0 in a dimension: total" required:"false"`
	PerGuest Resources     `json:"per_guest,omitzero" doc:"for one sandbox; 0 in a dimension: per_peer" required:"false"`
	MaxWall  Duration      `json:"max_wall" doc:"longest a task may run; 24h by default" required:"false"`
	MaxOut   int64         `json:"max_output" doc:"most bytes one task may print; 64 MiB by default" required:"false"`
	MaxProcs int           `json:"max_processes" doc:"most processes in a sandbox; 256 by default" required:"false"`
	Images   int64         `json:"images" doc:"most bytes of images that are kept for borrowers, all together; 20 GiB by default" required:"false"`
	Runtimes []RuntimeName `json:"runtimes" doc:"those lent; wasm and docker by default" required:"false"`
	Hours    []string      `json:"hours,omitempty" maxItems:"50" doc:"when this node lends, in its local time, like 22:00-07:00 or sat,sun 00:00-24:00; always by default" required:"false"`
	Idle     Duration      `json:"idle,omitempty" doc:"lend only while the owner has left the machine alone for so long; 0: also while it is in use" required:"false"`
}

// Rule is one row of the policy table: may Subject do Action on Resource?
// The first row that matches decides; no row, no.
type Rule struct {
	Subject  string `json:"subject" doc:"a peer id, role:member, role:admin, ..., or *" maxLength:"100"`
	Action   string `json:"action" doc:"run, container, image, pull, network, forward, map, or *" maxLength:"40"`
	Resource string `json:"resource" doc:"runtime:wasm, runtime:process, ..., for network: network:filtered or network:open, for pull: image:debian or image:registry.example/team/*, for forward: port:5432, port:8000-8010 or host:NAME:PORT, for map: listen:8000-8999 or domain:*.example.org at this gateway, or port:3000 here, or *" maxLength:"300"`
	Allow    bool   `json:"allow"`
}

// Sandbox is one sandbox as its lending owner sees it.
type Sandbox struct {
	ID       SandboxID   `json:"id"`
	Runtime  RuntimeName `json:"runtime"`
	Borrower PeerID      `json:"borrower"`
	Name     string      `json:"borrower_name"`
	Job      JobID       `json:"job"`
	JobName  string      `json:"job_name,omitempty"`
	Lease    LeaseID     `json:"lease"`
	State    string      `json:"state" enum:"starting,idle,running,paused,closing"`
	Task     TaskID      `json:"task" doc:"the one it runs now, -1 if none"`
	Since    time.Time   `json:"since"`
	CPU      float64     `json:"cpu" doc:"cores in use over the last second or so"`
	Memory   int64       `json:"memory" doc:"bytes in use now"`
	CPUTime  Duration    `json:"cpu_time" doc:"used since it was opened"`
	Tasks    int64       `json:"tasks" doc:"finished in it"`
	Cap      Resources   `json:"cap"`
}

// LendStatus is the lending side at a glance.
type LendStatus struct {
	State     LendState     `json:"state"`
	Reason    string        `json:"reason,omitempty"`
	Total     Resources     `json:"total"`
	Free      Resources     `json:"free"`
	Leases    int           `json:"leases"`
	Sandboxes int           `json:"sandboxes"`
	Held      int64         `json:"held" doc:"finished results that borrowers have not acknowledged yet"`
	Runtimes  []RuntimeInfo `json:"runtimes"`
	Refused   int64         `json:"refused" doc:"requests refused since start"`
	Limits    Limits        `json:"limits" doc:"in force: what the owner set, defaults filled in, and no more disk than is free"`
}

// LeaseView is a lease as its borrower may see it on the lender's door.
type LeaseView struct {
	ID      LeaseID     `json:"id"`
	Job     JobID       `json:"job"`
	Runtime RuntimeName `json:"runtime"`
	Slots   int         `json:"slots"`
	Running int         `json:"running"`
	Held    int         `json:"held"`
	Since   time.Time   `json:"since"`
}

// UsageRow is one line of the ledger, summed by what was asked for.
type UsageRow struct {
	Day           string  `json:"day,omitempty" doc:"YYYY-MM-DD, UTC"`
	Peer          PeerID  `json:"peer,omitempty"`
	Name          string  `json:"peer_name,omitempty"`
	Job           JobID   `json:"job,omitempty"`
	Tasks         int64   `json:"tasks"`
	CPUSeconds    float64 `json:"cpu_seconds"`
	MemorySeconds float64 `json:"memory_byte_seconds" doc:"bytes resident times seconds"`
	GPUSeconds    float64 `json:"gpu_seconds"`
	BytesIn       int64   `json:"bytes_in" doc:"modules, inputs and standard input that came here for it"`
	BytesOut      int64   `json:"bytes_out"`
}

// ReasonRequest carries an optional reason to show to borrowers.
type ReasonRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"200"`
}

// Killed is what the borrower of what an owner killed reads.
func Killed(reason string) string {
	if reason == "" {
		return "killed by the owner"
	}
	return "killed by the owner: " + reason
}
