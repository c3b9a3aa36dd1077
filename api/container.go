package api

import "time"

// ContainerSpec is a long-lived container as its borrower asks for it.
type ContainerSpec struct {
	Name     string            `json:"name" maxLength:"63" pattern:"^[a-z0-9][a-z0-9._-]*$" patternDescription:"lower-case letters, digits, dots, dashes and underscores, a letter or a digit first" doc:"one of the borrower's own; how commands call it"`
	Image    string            `json:"image,omitempty" maxLength:"300" doc:"an image that this node or the lender has"`
	ImageID  ImageID           `json:"image_id,omitempty" maxLength:"71" doc:"the very image, which a lender that lacks it is given; that of Image on this node, if it is empty"`
	Template string            `json:"template,omitempty" maxLength:"63" doc:"a template of the lender's, instead of image"`
	Build    BlobID            `json:"build,omitempty" doc:"a folder with a Dockerfile, uploaded by POST /v1/trees, instead of image"`
	Base     string            `json:"base,omitempty" maxLength:"300" doc:"what stands for {{.}} in the Dockerfile of a template or a build"`
	BaseID   ImageID           `json:"base_id,omitempty" maxLength:"71" doc:"the very base image, as image_id is for image"`
	Network  GuestNetwork      `json:"network,omitempty" enum:",none,filtered,open" doc:"what it can reach: none if empty"`
	Command  []string          `json:"command,omitempty" maxItems:"1000" doc:"the main command; the image's own if empty"`
	Env      map[string]string `json:"env,omitempty"`
	Publish  []PublishSpec     `json:"publish,omitempty" maxItems:"16"`
	Needs    Resources         `json:"needs,omitzero" doc:"cpu 1 and memory 256 MiB if 0"`
	TTL      Duration          `json:"ttl,omitempty" doc:"how long it may live; 24h if 0"`
}

// PublishSpec asks for a port of the container at the lender's host.
type PublishSpec struct {
	Inside  int `json:"inside" minimum:"1" maximum:"65535"`
	Outside int `json:"outside,omitempty" minimum:"0" maximum:"65535" doc:"on the lender; 0: any free one"`
}

// Port is a published port.
type Port struct {
	Name    string `json:"name,omitempty"`
	Inside  int    `json:"inside"`
	Outside int    `json:"outside" doc:"on the lender's host"`
	Address string `json:"address,omitempty" doc:"how it is reached from here, as far as this node knows"`
}

// ContainerState is where a container is.
type ContainerState string

// The states of a container. Gone: its time was up, its lender's owner took it
// away, or somebody removed it behind the node's back; Reason says which.
const (
	ContainerCreating ContainerState = "creating"
	ContainerRunning  ContainerState = "running"
	ContainerPaused   ContainerState = "paused" // by the lender's owner
	ContainerStopped  ContainerState = "stopped"
	ContainerGone     ContainerState = "gone"
	ContainerUnknown  ContainerState = "unknown" // its lender does not answer
)

// Container is a long-lived container.
type Container struct {
	ID       ContainerID    `json:"id"`
	Name     string         `json:"name"`
	Peer     PeerID         `json:"peer" doc:"the lender"`
	PeerName string         `json:"peer_name,omitempty"`
	State    ContainerState `json:"state"`
	Reason   string         `json:"reason,omitempty"`
	Source   string         `json:"source" doc:"image, template or build it was made from"`
	Network  GuestNetwork   `json:"network,omitempty" doc:"what it can reach: none if empty"`
	Main     *MainCommand   `json:"main,omitempty" doc:"the main command, while it runs"`
	Created  time.Time      `json:"created"`
	Expires  time.Time      `json:"expires"`
	Ports    []Port         `json:"ports,omitempty"`
	Cap      Resources      `json:"cap"`
	Use      ContainerUse   `json:"use"`
}

// MainCommand is the state of a container's main command.
type MainCommand struct {
	Args  []string `json:"args,omitempty"`
	Ended bool     `json:"ended,omitempty"`
	Exit  Exit     `json:"exit,omitzero"`
}

// ContainerUse is what a container uses now and has used.
type ContainerUse struct {
	CPU     float64  `json:"cpu" doc:"cores in use over the last seconds"`
	CPUTime Duration `json:"cpu_time" doc:"used since it was created"`
	Memory  int64    `json:"memory" doc:"bytes in use now"`
	Procs   int      `json:"processes"`
	In      int64    `json:"bytes_in" doc:"over published ports and its network, since it was created"`
	Out     int64    `json:"bytes_out"`
}

// ContainerEvent is one line while a container is made; the last one has it.
type ContainerEvent struct {
	Text      string         `json:"text,omitempty" doc:"what is done now"`
	Build     string         `json:"build,omitempty" doc:"a line that a build printed"`
	Image     *ImageProgress `json:"image,omitempty" doc:"how far the lender is with the image that it is given"`
	Container *Container     `json:"container,omitempty"`
}

// ContainerLog is a piece of what a container's main command printed.
type ContainerLog struct {
	Stream string `json:"stream" enum:"stdout,stderr"`
	Data   []byte `json:"data" doc:"base64"`
}

// Template is a folder on the lender from which containers can be made.
type Template struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Base        bool           `json:"base" doc:"its Dockerfile takes a base image"`
	Ports       []TemplatePort `json:"ports"`
	Problem     string         `json:"problem,omitempty" doc:"why it cannot be used"`
}

// TemplatePort is a row of a template's ports.json, with the names that file has.
type TemplatePort struct {
	PortName     string `json:"PortName"`
	InternalPort int    `json:"InternalPort"`
	Type         string `json:"Type" doc:"tcp"`
	ExternalPort int    `json:"ExternalPort" doc:"filled in when a container is made"`
	IsUsed       bool   `json:"IsUsed"`
	Description  string `json:"Description"`
}

// DefaultTTL is how long a container lives whose borrower does not say.
const DefaultTTL = 24 * time.Hour
