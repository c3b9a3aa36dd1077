//go:build unix

package process

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

// pipes are a task's three streams: the child's ends and the agent's. They are bare
// descriptors until a task turns out to take its time: most write little and end, and
// then all there is lies in the pipes.
type pipes struct {
	childIn, childOut, childErr int
	in, out, err                int // in is -1 when the task has no input
	null                        int

	files []*os.File    // of in, out and err, once they are read and written beside the task
	ended chan struct{} // closed when what the task says has been copied; nil without copy
}

func openPipes(t *task.Task, null *os.File) (*pipes, error) {
	n := int(null.Fd())
	p := &pipes{childIn: n, childOut: -1, childErr: -1, in: -1, out: -1, err: -1, null: n}
	err := errors.Join(pipe(&p.out, &p.childOut), pipe(&p.err, &p.childErr))
	if t.Stdin != nil {
		err = errors.Join(err, pipe(&p.childIn, &p.in))
	}
	if err != nil {
		p.closeChild()
		p.closeAll()
		return nil, err
	}
	return p, nil
}

func (p *pipes) child() []uintptr {
	return []uintptr{uintptr(p.childIn), uintptr(p.childOut), uintptr(p.childErr)}
}

func (p *pipes) closeChild() {
	if p.childIn != p.null {
		closeFD(&p.childIn)
	}
	closeFD(&p.childOut)
	closeFD(&p.childErr)
}

// closeAll closes the agent's ends; closing twice is harmless.
func (p *pipes) closeAll() {
	for _, f := range p.files {
		f.Close()
	}
	closeFD(&p.in)
	closeFD(&p.out)
	closeFD(&p.err)
}

func closeFD(fd *int) {
	if *fd >= 0 {
		unix.Close(*fd)
	}
	*fd = -1
}

// file makes a file of an end, which does not block a thread.
func (p *pipes) file(fd *int) *os.File {
	_ = unix.SetNonblock(*fd, true) // else it blocks one
	f := os.NewFile(uintptr(*fd), "|")
	*fd = -1
	p.files = append(p.files, f)
	return f
}

// copy begins to copy the streams while the task runs, and says when what it printed is all there.
func (p *pipes) copy(t *task.Task) (printed <-chan struct{}) {
	out, err := p.file(&p.out), p.file(&p.err)
	var both sync.WaitGroup
	both.Go(func() { drain(t.Stdout, out, make([]byte, copySize)) })
	both.Go(func() { drain(t.Stderr, err, make([]byte, copySize)) })
	p.ended = make(chan struct{})
	go func() { both.Wait(); close(p.ended) }()
	if p.in < 0 {
		return p.ended
	}
	in := p.file(&p.in)
	go func() { // ends when the task does not read any more, or with its feed
		drain(in, t.Stdin, make([]byte, copySize))
		in.Close()
	}()
	return p.ended
}

// finish returns when all is copied that a task said which has ended, and closes the pipes.
func (p *pipes) finish(t *task.Task, buf []byte) {
	if p.ended != nil {
		<-p.ended
	} else {
		drain(t.Stdout, remains(p.out), buf)
		drain(t.Stderr, remains(p.err), buf)
	}
	p.closeAll()
}

// left reads what is in a pipe that nobody writes to any more.
type left int

func remains(fd int) left {
	_ = unix.SetNonblock(fd, true) // should somebody have its other end who is none of the task's
	return left(fd)
}

func (fd left) Read(b []byte) (int, error) {
	n, err := unix.Read(int(fd), b)
	if n <= 0 {
		return 0, errors.Join(err, io.EOF)
	}
	return n, nil
}
