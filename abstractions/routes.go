package abstractions

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Routes is where an embedding program adds HTTP routes, as to any
// http.ServeMux, before or after others are being served. They are served on the
// loopback interface only, to requests that name it and do not come from
// another site's page. P2PRC's own API is not among them: it has its socket.
type Routes struct {
	*http.ServeMux
	ln     net.Listener
	server *http.Server
	ended  chan error // how the server did
}

// preferredPort is tried first; any other free one is as good.
const preferredPort = "127.0.0.1:8088"

func listen() (net.Listener, error) {
	ln, err := net.Listen("tcp", preferredPort)
	if err != nil {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "no port on the loopback interface: %w", err)
	}
	return ln, nil
}

// serveRoutes listens and serves until close.
func serveRoutes() (*Routes, error) {
	ln, err := listen()
	if err != nil {
		return nil, err
	}
	r := &Routes{ServeMux: http.NewServeMux(), ln: ln, ended: make(chan error, 1)}
	r.server = &http.Server{Handler: local(http.NewCrossOriginProtection().Handler(r.ServeMux)), ReadHeaderTimeout: headerTimeout}
	go func() { r.ended <- r.server.Serve(ln) }()
	return r, nil
}

// Addr is where the routes are served, like 127.0.0.1:8088.
func (r *Routes) Addr() string { return r.ln.Addr().String() }

func (r *Routes) close() error {
	err := r.server.Close()
	if ended := <-r.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// headerTimeout bounds how long a request may take to say what it wants.
const headerTimeout = 10 * time.Second

// local refuses requests for other names than the loopback interface's: a page
// whose own name was made to point here (DNS rebinding) would send its name.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		host, _, err := net.SplitHostPort(req.Host)
		if err != nil {
			host = req.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "not here", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, req)
	})
}
