package docker

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The labels of everything that is made on an engine.
const (
	LabelNode     = "p2prc.node"
	LabelBorrower = "p2prc.borrower"
	LabelLease    = "p2prc.lease"
	LabelSandbox  = "p2prc.sandbox"
	LabelKind     = "p2prc.kind"   // KindTask, ...
	labelAgent    = "p2prc.agent"  // of a volume that holds the agent: the program's hash
	labelHolder   = "p2prc.holder" // of what holds a guest's network: the guest's sandbox again
)

// KindTask marks what executes tasks: it ends with the node that opened it.
const KindTask = "task"

// Owner says whom a container or a volume belongs to.
type Owner struct {
	Kind     string
	Sandbox  api.SandboxID
	Borrower api.PeerID
	Lease    api.LeaseID
}

func (e *Engine) labels(o Owner) map[string]string {
	return map[string]string{LabelNode: string(e.cfg.Node), LabelKind: o.Kind, LabelSandbox: string(o.Sandbox), LabelBorrower: string(o.Borrower), LabelLease: string(o.Lease)}
}

// mine selects what this node made, of one kind.
func (e *Engine) mine(kind string) client.Filters {
	return make(client.Filters).Add("label", LabelNode+"="+string(e.cfg.Node), LabelKind+"="+kind)
}

// name is a container's name on the engine: sandbox ids are the node's own, so
// the node is in it.
func (e *Engine) name(id api.SandboxID) string {
	sum := sha256.Sum256([]byte(e.cfg.Node))
	return "p2prc-" + hex.EncodeToString(sum[:4]) + "-" + string(id)
}
