//go:build linux

package nat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/test/lab"
)

// prepare makes, in the folder of all services and clients, what they need.
const prepare = `
head -c ${MIB}M /dev/urandom >file
ssh-keygen -q -t ed25519 -N '' -f key
ssh-keygen -q -t ed25519 -N '' -f host
echo "sven $(cat host.pub)" >known
cat >config <<.
User root
BatchMode yes
IdentitiesOnly yes
IdentityFile $PWD/key
HostKeyAlias sven
UserKnownHostsFile $PWD/known
.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=sven -addext subjectAltName=DNS:sven -keyout tls.key -out tls.pem
mkdir -p /run/sshd # as what starts services does
`

const bulk = 8004 // where iperf3 is

// clients are programs as everybody has them, each with a service: talk ends well when
// all came from $P of $H that should.
var clients = []struct {
	name          string
	port          int
	flags         []string
	service, talk string // the websocket's are this process's
}{
	{"curl", 8000, nil, `busybox httpd -f -p 127.0.0.1:8000`, `curl -sS --max-time 60 http://$H:$P/file | cmp - file`},
	{"`openssl s_client`", 8001, nil, `openssl s_server -HTTP -accept 127.0.0.1:8001 -key tls.key -cert tls.pem`,
		`printf 'GET /file HTTP/1.0\r\n\r\n' | openssl s_client -quiet -verify_return_error -CAfile tls.pem -verify_hostname sven -connect $H:$P | cmp - file`},
	{"OpenSSH: `ssh`, `scp` there and back", 8002, nil,
		`/usr/sbin/sshd -D -e -f /dev/null -h $PWD/host -o ListenAddress=127.0.0.1:8002 -o PidFile=none -o StrictModes=no -o AuthorizedKeysFile=$PWD/key.pub -o Subsystem='sftp internal-sftp'`,
		`ssh -F config -p $P $H cat <file | cmp - file
		scp -q -F config -P $P file $H:$PWD/there; scp -q -F config -P $P $H:$PWD/there back; cmp back file; rm there back`},
	{"redis-cli", 8003, nil, `redis-server --bind 127.0.0.1 --port 8003 --save ''`,
		`test $(redis-cli -h $H -p $P -x SET file <file) = OK; redis-cli -h $H -p $P GET file | head -c -1 | cmp - file`},
	{"iperf3, with and without `-R`", bulk, nil, `iperf3 -s -B 127.0.0.1 -p 8004`, `measure() { # its server serves one at a time, and listens anew then
			late=$((SECONDS + 20))
			until said=$(iperf3 -c $H -p $P -n ${MIB}M "$@" 2>&1); do
				[[ $said =~ busy|refused|reset ]] && ((SECONDS < late)) || { echo "$said"; return 1; }
				sleep 0.1
			done
		}
		measure; measure -R`},
	{"a websocket", 8005, nil, "", ""},
	{"dig, over UDP", 8006, []string{"--udp"}, `dnsmasq -k -C /dev/null -R -h -u root -x '' -z -a 127.0.0.1 -p 8006 -A /answer.test/192.0.2.7`,
		`test $(dig @$H -p $P +notcp +short answer.test) = 192.0.2.7`},
}

// Everybody's clients, through ports that are forwarded and mapped, over a direct path
// and through a relay.
func TestEverybodysClients(t *testing.T) {
	ring.Need(t, "clients", ring.Clients())
	n := newInternet(t)
	gw := placed{n.server("gw"), "none", ""}
	sven := placed{n.home("s", netlab.Symmetric).machine("sven"), "symmetric", "s"}
	home := n.home("t", netlab.Symmetric)
	tina := placed{home.machine("tina"), "symmetric", "t"}
	// Members reach tina through a relay, clients at her router.
	tina.OK("config", "set", "gateway.public", home.outside)
	for _, network := range []string{"tcp", "udp"} {
		n.Iptables("t-r0", "-t nat -A PREROUTING -i out -p "+network+" --dport 20000:20010 -j DNAT --to 10.0.1.11")
		n.Iptables("t-r0", "-I FORWARD -p "+network+" -d 10.0.1.11 --dport 20000:20010 -j ACCEPT")
	}
	gw.Up()
	n.Iptables("s-r0", "-I FORWARD -p udp -j DROP") // QUIC wins now and then otherwise
	join(t, gw.Machine, sven.Machine, tina.Machine)
	places(tina.Machine, sven.Machine, 1)
	gw.OK("lend", "policy", "allow", "sven", "listen:20000-20010")
	tina.OK("lend", "policy", "allow", "sven", "listen:20000-20010")
	sven.OK("lend", "policy", "allow", "gw", "port:8000-8006")
	sven.OK("lend", "policy", "allow", "tina", "port:8000-8006")
	paths := func() {
		if a, b := settled(gw, sven).Path, settled(tina, sven).Path; a != api.PathDirectTCP || b != api.PathRelayed {
			t.Fatalf("the paths are %s and %s", a, b)
		}
	}
	paths()
	d := desk{n, t.TempDir()}
	if out, err := d.shell(sven.Machine, prepare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ways := []struct {
		from placed
		lead func(port int, flags ...string) string
	}{
		{gw, func(port int, flags ...string) string { return forward(t, gw.Machine, "sven", port, flags...) }},
		{tina, func(port int, flags ...string) string { return forward(t, tina.Machine, "sven", port, flags...) }},
		{tina, func(port int, flags ...string) string { return mapped(t, sven.Machine, "gw", port, flags...) }},
		{gw, func(port int, flags ...string) string { return mapped(t, sven.Machine, "tina", port, flags...) }},
	}
	rows := make([]string, len(clients))
	together(t, len(clients), func(i int) {
		c := clients[i]
		d.serve(sven.Machine, c.service, c.port)
		sven.Eventually("serve "+c.name, func(context.Context) bool {
			return d.talk(sven.Machine, c.talk, fmt.Sprintf("127.0.0.1:%d", c.port)) == nil
		})
		rows[i] = "| " + c.name
		for _, way := range ways {
			at := way.lead(c.port, c.flags...)
			start := time.Now()
			if err := d.talk(way.from.Machine, c.talk, at); err != nil {
				t.Errorf("%s from %s to %s: %v", c.name, way.from.Name, at, err)
			}
			rows[i] += fmt.Sprintf(" | %.1f s", time.Since(start).Seconds())
		}
	})
	t.Logf("\n| | forward, direct | forward, relayed | map, direct | map, relayed |\n|---|---|---|---|---|\n%s |", strings.Join(rows, " |\n"))
	if ring.Size(0, 1) > 0 {
		direct, relayed := d.bulk(gw.Machine, forward(t, gw.Machine, "sven", bulk)), d.bulk(tina.Machine, forward(t, tina.Machine, "sven", bulk))
		t.Logf("iperf3 through a forward: %.0f Mbit/s directly, %.0f through a relay: %.2f of it", direct, relayed, relayed/direct)
	}
	paths() // as before
}

// desk is where services and clients run: in machines' namespaces, in one folder.
type desk struct {
	*internet
	dir string
}

func (d desk) shell(at *lab.Machine, script string, env ...string) *exec.Cmd {
	cmd := d.Command(at.Name, "bash", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = d.dir, append(append(os.Environ(), fmt.Sprintf("MIB=%d", ring.Size(1, 64))), env...)
	return cmd
}

// serve starts a service, which ends with the test.
func (d desk) serve(at *lab.Machine, script string, port int) {
	d.t.Helper()
	if script == "" {
		var ln net.Listener
		d.In(at.Name, func() (err error) {
			ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			return err
		})
		echo := websocket.Handler(func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) })
		web := &httptest.Server{Listener: ln, Config: &http.Server{Handler: echo}}
		web.Start()
		d.t.Cleanup(web.Close)
		return
	}
	cmd := d.shell(at, "exec "+script)
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}

// talk has a client do its work.
func (d desk) talk(from *lab.Machine, script, at string) error {
	if script == "" {
		return d.websocket(from, at)
	}
	if out, err := d.shell(from, script, to(at)...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// bulk is what iperf3 gets through, in Mbit/s: the best of three times.
func (d desk) bulk(from *lab.Machine, at string) (best float64) {
	d.t.Helper()
	for range 3 {
		out, err := d.shell(from, `iperf3 -c $H -p $P -t 3 -f m | awk '/receiver/ { print $7 }'`, to(at)...).Output()
		var got float64
		if _, serr := fmt.Sscan(string(out), &got); err != nil || serr != nil {
			d.t.Fatalf("iperf3: %v: %s", err, out)
		}
		best = max(best, got)
	}
	return best
}

// to is HOST:PORT as scripts are told it.
func to(at string) []string {
	host, port, _ := strings.Cut(at, ":")
	return []string{"H=" + host, "P=" + port}
}

// websocket sends the file, and wants it back.
func (d desk) websocket(from *lab.Machine, at string) error {
	file, err := os.ReadFile(filepath.Join(d.dir, "file"))
	if err != nil {
		return err
	}
	var ws *websocket.Conn
	d.In(from.Name, func() error {
		ws, err = websocket.Dial("ws://"+at, "", "http://"+at)
		return nil
	})
	if err != nil {
		return err
	}
	defer ws.Close()
	sent := make(chan error, 1)
	go func() { _, err := ws.Write(file); sent <- err }()
	back := make([]byte, len(file))
	if _, err := io.ReadFull(ws, back); err != nil || !bytes.Equal(back, file) {
		return fmt.Errorf("what came back is not what went: %w", err)
	}
	return <-sent
}

// mapped is where a port is reached at a gateway.
func mapped(t *testing.T, at *lab.Machine, via string, port int, flags ...string) string {
	t.Helper()
	var m api.Mapping
	if out := at.OK(append([]string{"map", "--json", strconv.Itoa(port), "--port", "0", "--via", via}, flags...)...); json.Unmarshal([]byte(out), &m) != nil || len(m.Public) != 1 {
		t.Fatalf("%s: p2prc map said %s", at.Name, out)
	}
	return m.Public[0]
}
