package session

import (
	"cmp"
	"errors"
	"io"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// exec runs one command under a supervisor and sends how it ended after all it printed.
func (g *guest) exec(req session.Request) error {
	who, err := lookUp(cmp.Or(req.User, g.cfg.User))
	if err != nil {
		return err
	}
	what, err := g.program(req, who)
	if err != nil {
		return err
	}
	std, err := openStdio(req, who)
	if err != nil {
		return err
	}
	defer std.close()
	sup, err := supervised(what, std)
	if err != nil {
		return err
	}
	defer sup.kill()
	in := g.listen(events{resize: std.resize, signal: sup.signal, ended: func() {
		sup.kill()
		std.close() // what was left behind may hold it open
	}})
	if req.Stdin {
		go feed(std, in)
	} else {
		std.closeInput()
	}
	var copies sync.WaitGroup
	copies.Go(func() { g.send(session.KindOutput, std) })
	if std.err != nil {
		copies.Go(func() { g.send(session.KindStderr, std.err) })
	}
	exit, err := sup.wait()
	copies.Wait()
	if err != nil {
		return err
	}
	return g.w.Send(session.KindExit, exit)
}

// feed writes input to the command until either ends. With a terminal the end
// is typed: a program that reads lines takes it for the end of its input.
func feed(std *stdio, in io.Reader) {
	buf := make([]byte, session.Chunk)
	partial := false // the last line has no end yet
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, werr := std.in.Write(buf[:n]); werr != nil {
				break
			}
			partial = buf[n-1] != '\n' && buf[n-1] != '\r'
		}
		if err != nil {
			if errors.Is(err, io.EOF) && std.tty() {
				end := []byte{endOfFile}
				if partial { // the first one only hands the line over
					end = append(end, endOfFile)
				}
				_, _ = std.in.Write(end) // a command that is gone needs none
				return
			}
			break
		}
	}
	std.closeInput()
}

const endOfFile = 4 // ^D

// send copies what the command prints; once nobody reads it is dropped, for the
// command is about to be killed.
func (g *guest) send(kind wire.Kind, r io.Reader) {
	w := frameWriter{g.w, kind}
	_, err := io.CopyBuffer(onlyWriter{w}, onlyReader{r}, make([]byte, session.Chunk))
	if err != nil {
		_, _ = io.Copy(io.Discard, onlyReader{r}) // ends with the command
	}
}

// onlyWriter and onlyReader keep io.Copy from asking for more than they say.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
