// Package docker is the runtime whose sandboxes are containers of an engine that
// speaks Docker's API: docker, rootless docker, podman.
//
// A sandbox is one container with the agent as its process 1: no task can kill
// it, it reaps every orphan, and one system call of it reaches all the rest. It
// is p2prc's own executable in a volume that is filled through the engine's API,
// so that the engine may be on another machine and images may be empty. Node and
// agent speak over the container's attached input and output, or around the engine
// where the agent is near (package agent/near). When the node dies the engine closes
// that stream, and the container ends with all that is in it.
//
// # What a container is not given
//
// Folders of the machine, capabilities, new privileges, swap, a network (unless
// the owner's policy opens it), a writable root: tasks have /.p2prc/work, a volume
// of this container, and /tmp. The engine's seccomp profile stays in force. An
// image that names no user runs as nobody; one that does keeps it, without
// capabilities.
//
// # Who enforces what
//
// The kernel holds memory, processor share and processes of the container. The
// node stops the clock and counts output. The agent watches processor time and
// disk of the task from inside, for nobody else can see them on an engine that
// may be elsewhere.
//
// # What is whose
//
// Everything made on the engine is labelled with the node, the borrower and the
// lease. Several nodes may share one engine; each removes its own only.
package docker
