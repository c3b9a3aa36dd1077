//go:build unix

package process

import (
	"errors"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

// pipes are a task's three streams: the child's ends and the agent's.
type pipes struct {
	childIn, childOut, childErr *os.File
	in, out, err                *os.File // in is nil when the task has no input
	null                        *os.File
}

func openPipes(t *task.Task, null *os.File) (*pipes, error) {
	p := &pipes{childIn: null, null: null}
	var e1, e2, e3 error
	p.out, p.childOut, e1 = os.Pipe()
	p.err, p.childErr, e2 = os.Pipe()
	if t.Stdin != nil {
		p.childIn, p.in, e3 = os.Pipe()
	}
	if err := errors.Join(e1, e2, e3); err != nil {
		p.closeChild()
		p.closeAll()
		return nil, err
	}
	return p, nil
}

func (p *pipes) child() []uintptr {
	return []uintptr{p.childIn.Fd(), p.childOut.Fd(), p.childErr.Fd()}
}

func (p *pipes) closeChild() {
	if p.childIn != p.null {
		p.childIn.Close()
	}
	p.childOut.Close()
	p.childErr.Close()
}

// closeAll closes the agent's ends; closing twice is harmless.
func (p *pipes) closeAll() {
	for _, f := range []*os.File{p.in, p.out, p.err} {
		if f != nil {
			f.Close()
		}
	}
}
