package session

import (
	"io"
	"net"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

const dialTimeout = 10 * time.Second

// dial connects the session to a listener in the container's network.
func (g *guest) dial(req session.Request) error {
	host, port, err := net.SplitHostPort(req.Address)
	if err != nil {
		return api.Errorf(api.KindInvalid, "%q is not host:port", session.Clean(req.Address))
	}
	ctx, ev := untilEnd()
	in := g.listen(ev)
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return api.Errorf(api.KindUnavailable, "nothing answers at %s in the container", session.Clean(req.Address))
	}
	defer c.Close()
	go func() {
		<-ctx.Done()
		_ = c.Close() // a copy may wait in it
	}()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := io.Copy(c, in); err == nil {
			_ = c.(*net.TCPConn).CloseWrite() // its failure shows in the reads
		}
	}()
	if _, err := io.Copy(frameWriter{g.w, session.KindOutput}, c); err != nil {
		return api.Errorf(api.KindUnavailable, "the connection to %s broke", session.Clean(req.Address))
	}
	if err := g.w.Write(session.KindOutput, nil); err != nil { // its end; the client may still send
		return err
	}
	<-sent
	return g.w.Send(session.KindExit, api.Exit{})
}
