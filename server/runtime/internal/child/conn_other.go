//go:build !unix

package child

import (
	"errors"
	"io"
	"os/exec"
)

// connect gives cmd pipes as standard input and output.
func connect(cmd *exec.Cmd) (conn io.ReadWriteCloser, started func() error, err error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return pipes{out, in}, func() error { return nil }, nil
}

type pipes struct {
	io.ReadCloser
	in io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.ReadCloser.Close()) }
