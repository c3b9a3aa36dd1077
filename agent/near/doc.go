// Package near is the way from a lender to an agent in a container on the same
// machine that does not lead through the engine: one end of a socket pair of the
// agent's, which a lender that may trace the agent takes out of its process.
//
// No guest can take it. An agent cannot be dumped, so that tracing it needs rights
// over the namespace that the container is in, which nobody in it has; and what it
// starts does not inherit the socket.
package near

// FD is where an agent keeps the end of the pair that is for a lender.
const FD = 100
