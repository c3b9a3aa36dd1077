package web

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
)

// maxHello bounds a client's hello, in bytes.
const maxHello = 16 << 10

// hello is what a client says first.
type hello struct {
	name      string // the domain it wants
	challenge bool   // it asks in the name of a CA
	read      []byte // all of it, as it came
}

var (
	errHello = errors.New("no TLS hello that can be understood")
	errSeen  = errors.New("seen")
)

// peek reads a client's hello and answers nothing.
func peek(c net.Conn) (h hello, err error) {
	from := &recorder{Conn: c}
	err = tls.Server(from, &tls.Config{GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		h.name = canonical(info.ServerName)
		h.challenge = slices.Equal(info.SupportedProtos, []string{alpn})
		return nil, errSeen
	}}).Handshake()
	if !errors.Is(err, errSeen) {
		return h, errHello
	}
	h.read = from.read
	return h, nil
}

// recorder keeps what is read and sends nothing.
type recorder struct {
	net.Conn
	read []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	if len(r.read) >= maxHello {
		return 0, errHello
	}
	n, err := r.Conn.Read(p[:min(len(p), maxHello-len(r.read))])
	r.read = append(r.read, p[:n]...)
	return n, err
}

func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
