package api

import "time"

// JobSpec is a batch as it is submitted: everything a job file says, with local
// files already uploaded as blobs. A job has one task per element of Each's
// product, or a single task.
//
// Command, Env values, Stdin text, input and output paths may hold placeholders:
// {name} for a variable of Each, {task} for the task's index, {{ for a brace.
type JobSpec struct {
	Name      string            `json:"name,omitempty" maxLength:"100" doc:"shown in listings"`
	Runtime   RuntimeName       `json:"runtime,omitempty" doc:"empty: wasm if Module is set, else process"`
	Module    BlobID            `json:"module,omitempty" doc:"the wasm module to run (runtime wasm)"`
	Image     string            `json:"image,omitempty" doc:"runtime docker"`
	ImageID   ImageID           `json:"image_id,omitempty" maxLength:"71" doc:"the very image, which lenders that lack it are given; that of Image on this node, if it is empty"`
	Network   GuestNetwork      `json:"network,omitempty" enum:",none,filtered,open" doc:"what a task's container can reach (runtime docker): none if empty"`
	Command   []string          `json:"command" required:"false" maxItems:"1000" doc:"program and arguments; for wasm the module's arguments, its name first"`
	Each      []Axis            `json:"each,omitempty" maxItems:"8" doc:"the array: one task per combination, the last axis varying fastest"`
	Env       map[string]string `json:"env,omitempty"`
	Stdin     string            `json:"stdin,omitempty" maxLength:"1048576" doc:"text given to every task"`
	StdinBlob BlobID            `json:"stdin_blob,omitempty" doc:"instead of stdin"`
	Cwd       string            `json:"cwd,omitempty" doc:"below the task's directory"`
	Inputs    []Input           `json:"inputs,omitempty" maxItems:"1000"`
	Outputs   []string          `json:"outputs,omitempty" maxItems:"100" doc:"globs below the task's directory; ** matches folders"`
	Needs     Resources         `json:"needs,omitzero" doc:"per task; cpu 1 and memory 256 MiB if 0"`
	Limits    TaskLimits        `json:"limits,omitzero"`
	Where     string            `json:"where,omitempty" maxLength:"1000" doc:"CEL over the peer record, true where the job may run"`
	On        []PeerID          `json:"on,omitempty" maxItems:"1000" doc:"only on these peers"`
	Strategy  string            `json:"strategy,omitempty" maxLength:"40" doc:"spread, pin, or one of the program's that the node runs in; spread if empty"`
	Retry     int               `json:"retry,omitempty" minimum:"0" maximum:"100" doc:"further tries of a task that failed"`
	MaxFails  int               `json:"max_fails,omitempty" minimum:"0" doc:"cancel the job when more tasks than this failed for good; 0: never"`
	Restart   string            `json:"restart,omitempty" enum:",on-loss,never" doc:"never: a task that was lost with its machine is not run again"`
	Live      bool              `json:"live,omitempty" doc:"stream output while tasks run"`
}

// MaxTasks is the largest array a job may have.
const MaxTasks = 1_000_000

// Axis is one variable of an array: an integer range or a list of strings.
type Axis struct {
	Name   string   `json:"name" pattern:"^[a-z][a-z0-9_]*$" maxLength:"40"`
	From   int64    `json:"from,omitempty"`
	To     int64    `json:"to,omitempty" doc:"inclusive"`
	Step   int64    `json:"step,omitempty" doc:"1 if 0"`
	Width  int      `json:"width,omitempty" maximum:"20" doc:"zero-padded to this many digits"`
	Values []string `json:"values,omitempty" maxItems:"1000000" doc:"instead of a range"`
}

// Input is a file, or a whole folder (Tree), in each task's directory.
type Input struct {
	Path string `json:"path" maxLength:"4096" doc:"slash-separated, below the task's directory"`
	Blob BlobID `json:"blob,omitempty"`
	Tree BlobID `json:"tree,omitempty" doc:"a manifest made by POST /v1/trees, instead of blob"`
	Mode uint32 `json:"mode,omitempty" doc:"permission bits; 0644 if 0"`
	Size int64  `json:"size,omitempty" doc:"bytes"`
}

// Tree is a folder's manifest, stored as a blob of its JSON form.
type Tree struct {
	Files []TreeFile `json:"files" doc:"sorted by path"`
}

// TreeFile is one regular file of a Tree.
type TreeFile struct {
	Path string `json:"path"`
	Blob BlobID `json:"blob"`
	Size int64  `json:"size"`
	Mode uint32 `json:"mode"`
}

// TreeInfo answers an upload of a folder.
type TreeInfo struct {
	ID    BlobID `json:"id"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// BlobInfo answers an upload.
type BlobInfo struct {
	ID   BlobID `json:"id"`
	Size int64  `json:"size"`
}

// TaskLimits bound one task. Zero means the default that docs/jobs.md names.
type TaskLimits struct {
	Wall   Duration `json:"wall,omitempty" doc:"time from start to end"`
	CPU    Duration `json:"cpu,omitempty" doc:"processor time"`
	Output int64    `json:"output,omitempty" minimum:"0" doc:"bytes of stdout plus stderr; 64 MiB if 0"`
}

// TaskState is where a task is.
type TaskState string

// The states of a task. Finished is not done: only Done means that outputs are
// verified here and journalled.
const (
	TaskWaiting  TaskState = "waiting"
	TaskQueued   TaskState = "queued"   // given to a lender, not begun there
	TaskRunning  TaskState = "running"  // begun, or ended and not yet secured
	TaskDone     TaskState = "done"     // exit code 0, secured
	TaskFailed   TaskState = "failed"   // for good: no retry is left
	TaskCanceled TaskState = "canceled" // never ran to an end because the job was ended
)

// Terminal tells whether the state is final.
func (s TaskState) Terminal() bool {
	return s == TaskDone || s == TaskFailed || s == TaskCanceled
}

// JobState is where a job is.
type JobState string

// The states of a job.
const (
	JobRunning  JobState = "running"
	JobPaused   JobState = "paused"
	JobDone     JobState = "done"     // every task done
	JobFailed   JobState = "failed"   // ended, some task failed
	JobCanceled JobState = "canceled" // ended by request or by max_fails
)

// Terminal tells whether the state is final (a retry may still reopen it).
func (s JobState) Terminal() bool { return s == JobDone || s == JobFailed || s == JobCanceled }

// Limit names the limit a task ran into.
type Limit string

// The limits.
const (
	LimitNone      Limit = ""
	LimitMemory    Limit = "memory"
	LimitCPU       Limit = "cpu_time"
	LimitWall      Limit = "wall_time"
	LimitOutput    Limit = "output"
	LimitDisk      Limit = "disk"
	LimitProcesses Limit = "processes"
)

// Cause says who is to blame when an attempt did not end with exit code 0.
type Cause string

// The causes. Only CauseFailed spends a retry.
const (
	CauseNone      Cause = ""
	CauseFailed    Cause = "failed"    // the task: exit code, signal, limit, missing output
	CauseLost      Cause = "lost"      // the machine
	CauseWithdrawn Cause = "withdrawn" // the owner
	CauseCanceled  Cause = "canceled"  // the borrower
)

// Exit is how a task's command ended. Task failure and machine failure never
// share a field: what the machine did wrong travels as an error beside it.
type Exit struct {
	Code   int    `json:"code" doc:"exit code; 128+n after signal n"`
	Signal string `json:"signal,omitempty" doc:"the signal that ended it"`
	Limit  Limit  `json:"limit,omitempty" doc:"the limit it ran into"`
	Msg    string `json:"msg,omitempty" doc:"what to tell the user: no such program, output missing"`
}

// OK tells whether the command succeeded.
func (e Exit) OK() bool { return e.Code == 0 && e.Signal == "" && e.Limit == "" && e.Msg == "" }

// TaskUsage is what an attempt cost.
type TaskUsage struct {
	Wall      Duration `json:"wall"`
	CPU       Duration `json:"cpu" doc:"user and system"`
	MaxMemory int64    `json:"max_memory" doc:"bytes, highest resident size seen"`
	BytesIn   int64    `json:"bytes_in" doc:"inputs staged for it"`
	BytesOut  int64    `json:"bytes_out" doc:"outputs and output streams"`
}

// OutputFile is a file a task left.
type OutputFile struct {
	Path string `json:"path"`
	Blob BlobID `json:"blob"`
	Size int64  `json:"size"`
	Mode uint32 `json:"mode"`
}

// Stream is a task's stdout or stderr: inline when small, else a blob.
type Stream struct {
	Inline []byte `json:"inline,omitempty" doc:"base64; up to 16 KiB"`
	Blob   BlobID `json:"blob,omitempty"`
	Size   int64  `json:"size"`
}

// Task is a task as its borrower sees it.
type Task struct {
	ID       TaskID            `json:"id"`
	State    TaskState         `json:"state"`
	Each     map[string]string `json:"each,omitempty"`
	Peer     PeerID            `json:"peer,omitempty" doc:"where it ran or runs"`
	Attempt  Attempt           `json:"attempt,omitempty"`
	Failures int               `json:"failures,omitempty" doc:"retries spent"`
	Exit     *Exit             `json:"exit,omitempty"`
	Cause    Cause             `json:"cause,omitempty"`
	Error    string            `json:"error,omitempty" doc:"in words, when it did not succeed"`
	Usage    TaskUsage         `json:"usage,omitzero"`
	Stdout   *Stream           `json:"stdout,omitempty"`
	Stderr   *Stream           `json:"stderr,omitempty"`
	Files    []OutputFile      `json:"files,omitempty"`
	Ended    time.Time         `json:"ended,omitzero"`
}

// TaskCounts counts a job's tasks by state.
type TaskCounts struct {
	Total    int64 `json:"total"`
	Waiting  int64 `json:"waiting" doc:"given to nobody"`
	Queued   int64 `json:"queued" doc:"given to a lender, not begun there"`
	Running  int64 `json:"running"`
	Done     int64 `json:"done"`
	Failed   int64 `json:"failed"`
	Canceled int64 `json:"canceled"`
}

// NodeProgress is one lender's part in a job.
type NodeProgress struct {
	Peer    PeerID   `json:"peer"`
	Name    string   `json:"name"`
	Slots   int      `json:"slots" doc:"held now"`
	Queued  int64    `json:"queued" doc:"given to it, not begun"`
	Running int64    `json:"running"`
	Done    int64    `json:"done"`
	Failed  int64    `json:"failed"`
	Lost    int64    `json:"lost" doc:"attempts lost or withdrawn"`
	Busy    Duration `json:"busy" doc:"sum of the wall time of its attempts"`
	State   string   `json:"state" doc:"working, idle, lost, withdrawn, refused, set aside"`
	Reason  string   `json:"reason,omitempty" doc:"why it is not working"`
}

// Job is a job as its borrower sees it.
type Job struct {
	ID       JobID          `json:"id"`
	Name     string         `json:"name"`
	State    JobState       `json:"state"`
	Runtime  RuntimeName    `json:"runtime"`
	Tasks    TaskCounts     `json:"tasks"`
	Nodes    []NodeProgress `json:"nodes"`
	Rate     float64        `json:"rate" doc:"tasks a second over the last 10 s"`
	ETA      Duration       `json:"eta,omitempty" doc:"0 when not known"`
	Created  time.Time      `json:"created"`
	Ended    time.Time      `json:"ended,omitzero"`
	Reason   string         `json:"reason,omitempty" doc:"why it waits, or why it was ended"`
	Bytes    int64          `json:"bytes" doc:"outputs kept here"`
	Attempts int64          `json:"attempts" doc:"results secured plus attempts lost"`
}

// JobDetail is a job with what was submitted.
type JobDetail struct {
	Job
	Spec JobSpec `json:"spec"`
}

// WhyPeer says of one peer whether it may run a job's tasks, and what ruled it out.
type WhyPeer struct {
	Peer   PeerID `json:"peer"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
}

// Why explains a job's waiting tasks.
type Why struct {
	Waiting int64     `json:"waiting"`
	Peers   []WhyPeer `json:"peers"`
}

// LogChunk is a piece of a task's output as the log stream carries it.
type LogChunk struct {
	Task   TaskID `json:"task"`
	Stream string `json:"stream" enum:"stdout,stderr"`
	Data   []byte `json:"data" doc:"base64"`
	Again  bool   `json:"again,omitempty" doc:"the task began again elsewhere and prints something else: what follows is this stream from its beginning"`
}
