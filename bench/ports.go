package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

// route is a way to the two services that are measured.
type route struct{ name, web, bulk string } // HOST:PORT of the web server and of iperf3

// ports compares a mapped port and a forwarded one with the services themselves and,
// where frps and frpc are in the path, with frp.
func ports(ctx context.Context, b *bench) error {
	for _, tool := range []string{"iperf3", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: apt-get install iperf3 wrk", err)
		}
	}
	direct, stop, err := services(ctx)
	if err != nil {
		return err
	}
	defer stop()
	routes := []route{direct}
	if _, err := exec.LookPath("frps"); err != nil {
		fmt.Fprintln(os.Stderr, "frp is left out: there is no frps and frpc in the path (github.com/fatedier/frp v0.65.0, ./cmd/frps and ./cmd/frpc)")
	} else {
		for _, mux := range []bool{true, false} { // on is the default, off the fastest
			r, stop, err := b.frp(ctx, mux, direct)
			if err != nil {
				return err
			}
			defer stop()
			routes = append(routes, r)
		}
	}
	ours, stop, err := b.tunnels(ctx, direct)
	if err != nil {
		return err
	}
	defer stop()
	return b.inTurns(ctx, append(routes, ours...))
}

// services are a web server that answers twelve bytes, and iperf3.
func services(ctx context.Context) (r route, stop func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return r, nil, err
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello world") })}
	go func() { _ = web.Serve(ln) }() // ends when closed
	port, err := freeport.Find("127.0.0.1", 1)
	if err != nil {
		return r, nil, errors.Join(err, web.Close())
	}
	bulk := loopback(port)
	iperf := exec.CommandContext(ctx, "iperf3", "-s", "-B", "127.0.0.1", "-p", strconv.Itoa(port))
	if err := iperf.Start(); err != nil {
		return r, nil, errors.Join(err, web.Close())
	}
	end := ender(iperf)
	stop = func() {
		_ = web.Close() // what it still serves is measured no more
		end()
	}
	if err := answers(ctx, bulk); err != nil {
		stop()
		return r, nil, err
	}
	return route{"direct", ln.Addr().String(), bulk}, stop, nil
}

// ender ends a program that runs until it is killed.
func ender(cmd *exec.Cmd) func() {
	return func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it says "killed"
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// answers waits until something listens.
func answers(ctx context.Context, at string) error {
	for start := time.Now(); ; {
		c, err := net.Dial("tcp", at)
		if err == nil {
			return c.Close()
		}
		if time.Since(start) > 20*time.Second {
			return err
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// frp starts its server and its client.
func (b *bench) frp(ctx context.Context, mux bool, to route) (r route, stop func(), err error) {
	var all []func()
	stop = func() {
		for _, end := range all {
			end()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	serverPort, err := freeport.Find("127.0.0.1", 1)
	if err != nil {
		return r, nil, err
	}
	both := fmt.Sprintf("log.level = \"error\"\ntransport.tcpMux = %v\n", mux)
	frps := fmt.Sprintf("bindAddr = \"127.0.0.1\"\nproxyBindAddr = \"127.0.0.1\"\nbindPort = %d\n", serverPort) + both
	frpc := fmt.Sprintf("serverAddr = \"127.0.0.1\"\nserverPort = %d\n", serverPort) + both
	r.name = fmt.Sprintf("frp, tcpMux %v", mux)
	for _, way := range []struct {
		name, to string
		at       *string
	}{{"web", to.web, &r.web}, {"bulk", to.bulk, &r.bulk}} {
		remote, err := freeport.Find("127.0.0.1", 1)
		if err != nil {
			return r, nil, err
		}
		_, service, err := net.SplitHostPort(way.to)
		if err != nil {
			return r, nil, err
		}
		*way.at = loopback(remote)
		frpc += fmt.Sprintf("[[proxies]]\nname = %q\ntype = \"tcp\"\nlocalIP = \"127.0.0.1\"\nlocalPort = %s\nremotePort = %d\n", way.name, service, remote)
	}
	for _, c := range []struct{ program, text, at string }{{"frps", frps, loopback(serverPort)}, {"frpc", frpc, r.web}} {
		file := filepath.Join(b.dir, fmt.Sprintf("%s-%d.toml", c.program, serverPort))
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			return r, nil, err
		}
		cmd := exec.CommandContext(ctx, c.program, "-c", file)
		if err := cmd.Start(); err != nil {
			return r, nil, err
		}
		all = append(all, ender(cmd))
		if err := answers(ctx, c.at); err != nil {
			return r, nil, fmt.Errorf("%s: %w", c.program, err)
		}
	}
	return r, stop, nil
}

// tunnels are a pool of two: a gateway, and the machine of the services.
func (b *bench) tunnels(ctx context.Context, to route) (routes []route, stop func(), err error) {
	gw, err := b.newNode("gw", "wasm")
	if err != nil {
		return nil, nil, err
	}
	m, err := b.newNode("m", "wasm")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop = func() {
		cancel()
		m.stop()
		gw.stop()
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if _, err := gw.up(ctx); err != nil {
		return nil, nil, err
	}
	if err := m.join(gw); err != nil {
		return nil, nil, err
	}
	if _, err := m.up(ctx); err != nil {
		return nil, nil, err
	}
	if _, err := gw.run("lend", "policy", "allow", "*", "listen:1024-65535"); err != nil {
		return nil, nil, err
	}
	mapped, forwarded := route{name: "map"}, route{name: "forward"}
	for _, way := range []struct{ at, mapped, forwarded *string }{{&to.web, &mapped.web, &forwarded.web}, {&to.bulk, &mapped.bulk, &forwarded.bulk}} {
		_, text, _ := net.SplitHostPort(*way.at)
		port, err := strconv.Atoi(text)
		if err != nil {
			return nil, nil, err
		}
		if _, err := m.run("lend", "policy", "allow", "*", "port:"+text); err != nil {
			return nil, nil, err
		}
		if *way.forwarded, err = gw.forward(ctx, port); err != nil {
			return nil, nil, err
		}
		if *way.mapped, err = m.mapped(ctx, port); err != nil {
			return nil, nil, err
		}
	}
	return []route{mapped, forwarded}, stop, nil
}

// forward opens a local port of this node that leads to one of m, until ctx is done.
func (n *node) forward(ctx context.Context, port int) (string, error) {
	at, failed := make(chan string, 1), make(chan error, 1)
	go func() {
		failed <- n.api.Forward(ctx, api.ForwardSpec{Peers: []string{"m"}, Port: port}, func(e api.ForwardEvent) error {
			if e.Listening != "" {
				at <- e.Listening
			}
			return nil
		})
	}()
	select {
	case a := <-at:
		return a, nil
	case err := <-failed:
		return "", err
	}
}

// mapped opens a port of the gateway's, which may not have heard yet that it is one.
func (n *node) mapped(ctx context.Context, port int) (string, error) {
	for start := time.Now(); ; {
		m, err := n.api.Map(ctx, api.MapSpec{Port: port, Any: true, Via: "gw"})
		if err == nil {
			return m.Public[0], nil
		}
		if time.Since(start) > 20*time.Second {
			return "", err
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
}

// load is something that is measured through each way: what it is, and how much of unit went through in
// two seconds, with how long half of the requests took at most, or 0.
type load struct {
	name, unit string
	measure    func(ctx context.Context, r route) (much float64, half time.Duration, err error)
}

var loads = []load{
	{"iperf3, streams: 1", "Gbit/s", iperf3("1")},
	{"iperf3, streams: 4", "Gbit/s", iperf3("4")},
	{"requests, connections: 1", "/s", wrk("1", "1")},
	{"requests, connections: 64", "/s", wrk("64", "2")},
}

// inTurns measures all ways again and again, for a machine is not always as fast, and reports the medians.
func (b *bench) inTurns(ctx context.Context, routes []route) error {
	const turns = 7
	much := make([][]float64, len(routes)*len(loads))
	half := make([][]time.Duration, len(much))
	for range turns {
		for i, r := range routes {
			for j, l := range loads {
				n, h, err := l.measure(ctx, r)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", r.name, l.name, err)
				}
				at := i*len(loads) + j
				much[at], half[at] = append(much[at], n), append(half[at], h)
			}
		}
	}
	for i, r := range routes {
		for j, l := range loads {
			n, h := much[i*len(loads)+j], half[i*len(loads)+j]
			slices.Sort(n)
			slices.Sort(h)
			note := fmt.Sprintf("%.4g to %.4g", n[0], n[turns-1])
			if h[turns/2] > 0 {
				note += ", median " + h[turns/2].String()
			}
			b.report(Figure{"ports", r.name + ": " + l.name, n[turns/2], l.unit, note})
		}
	}
	return nil
}

// iperf3 sends over so many streams.
func iperf3(streams string) func(context.Context, route) (float64, time.Duration, error) {
	return func(ctx context.Context, r route) (float64, time.Duration, error) {
		host, port, err := net.SplitHostPort(r.bulk)
		if err != nil {
			return 0, 0, err
		}
		for start := time.Now(); ; {
			out, err := exec.CommandContext(ctx, "iperf3", "-c", host, "-p", port, "-t", "2", "-P", streams, "-J").Output()
			var said struct {
				Error string `json:"error"`
				End   struct {
					Received struct {
						Bits float64 `json:"bits_per_second"`
					} `json:"sum_received"`
				} `json:"end"`
			}
			if jerr := json.Unmarshal(out, &said); err == nil {
				err = jerr
			}
			switch busy := strings.Contains(said.Error, "busy"); { // its server may not have heard of the end of the last one
			case said.Error != "" && (!busy || time.Since(start) > 20*time.Second):
				return 0, 0, errors.New(said.Error)
			case said.Error == "":
				return said.End.Received.Bits / 1e9, 0, err
			}
			if err := wait(ctx, 100*time.Millisecond); err != nil {
				return 0, 0, err
			}
		}
	}
}

var (
	perSecond = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	halfBelow = regexp.MustCompile(`50%\s+([0-9.]+(us|ms|s))`)
)

// wrk makes requests over so many connections.
func wrk(conns, threads string) func(context.Context, route) (float64, time.Duration, error) {
	return func(ctx context.Context, r route) (float64, time.Duration, error) {
		out, err := exec.CommandContext(ctx, "wrk", "-t"+threads, "-c"+conns, "-d2s", "--latency", "http://"+r.web+"/").Output()
		rate, p50 := perSecond.FindSubmatch(out), halfBelow.FindSubmatch(out)
		if err != nil || rate == nil || p50 == nil {
			return 0, 0, fmt.Errorf("wrk said %s, %v", out, err)
		}
		half, err := time.ParseDuration(string(p50[1]))
		if err != nil {
			return 0, 0, err
		}
		n, err := strconv.ParseFloat(string(rate[1]), 64)
		return n, half, err
	}
}
