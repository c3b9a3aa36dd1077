package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
	"github.com/Akilan1999/p2p-rendering-computation/node/routes"
)

// The golden matrix: testdata/matrix.txt has a line for each route and a column
// for each kind of caller. A row of the route table without a line fails, and
// so does a line without a row.

const matrixFile = "testdata/matrix.txt"

// The callers, in the order of the table's columns.
var callers = []string{"owner", "other-user", "admin", "member", "lender", "borrower", "stranger", "task"}

// What a caller can get.
const (
	allowed = "allowed" // the handler ran
	denied  = "denied"  // 403
	absent  = "absent"  // 404: there is no such route behind this door
	noDoor  = "no-door" // no request can be made at all
)

func readMatrix(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string][]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2+len(callers) {
			t.Fatalf("%s: %d columns, want %d: %s", matrixFile, len(fields), 2+len(callers), lines.Text())
		}
		name := fields[0] + " " + fields[1]
		if m[name] != nil {
			t.Errorf("%s: %s stands twice", matrixFile, name)
		}
		m[name] = fields[2:]
	}
	return m
}

// last are the routes after which the owner's node is not what it was.
var last = []string{"POST /v1/leave", "POST /v1/shutdown"}

// rowsToTry is the table, the destructive ones last.
func rowsToTry() []door.Row {
	rows := routes.Table(&routes.Services{})
	slices.SortStableFunc(rows, func(a, b door.Row) int { return slices.Index(last, a.Name()) - slices.Index(last, b.Name()) })
	return rows
}

// try makes a request of a row and says what came of it.
func try(hc *http.Client, base string, row door.Row) (string, error) {
	path := row.Path
	for _, v := range []string{"{peer}", "{job}", "{task}", "{id}", "{container}", "{group}"} {
		path = strings.ReplaceAll(path, v, "7")
	}
	var body io.Reader
	if row.MaxBody > 0 {
		body = strings.NewReader("7") // of no form that any row takes
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, row.Method, base+path, body)
	if err != nil {
		return "", err
	}
	if row.MaxBody > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := hc.Do(req)
	if err != nil {
		return noDoor, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	var p api.Problem
	if resp.StatusCode >= 400 {
		if err := json.Unmarshal(text, &p); err != nil {
			return "", fmt.Errorf("status %d without a problem: %s", resp.StatusCode, text)
		}
	}
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return denied, nil
	case resp.StatusCode == http.StatusNotFound && strings.HasPrefix(p.Detail, "no such route"):
		return absent, nil
	case resp.StatusCode == http.StatusInternalServerError:
		return "", fmt.Errorf("%s failed: %s", row.Name(), text)
	}
	return allowed, nil
}

// column tries every row as one caller.
func column(t *testing.T, who string, hc *http.Client, base string, matrix map[string][]string) {
	t.Helper()
	i := slices.Index(callers, who)
	for _, row := range rowsToTry() {
		want, ok := matrix[row.Name()]
		if !ok {
			continue // reported once, by TestMatrixIsComplete
		}
		got, err := try(hc, base, row)
		if err != nil {
			t.Errorf("%s by %s: %v", row.Name(), who, err)
		} else if got != want[i] {
			t.Errorf("%s by %s: %s, want %s", row.Name(), who, got, want[i])
		}
	}
	hc.CloseIdleConnections()
}

func TestMatrixIsComplete(t *testing.T) {
	matrix := readMatrix(t)
	rows := routes.Table(&routes.Services{})
	for _, row := range rows {
		if _, ok := matrix[row.Name()]; !ok {
			t.Errorf("%s has no line in %s: say who may use it", row.Name(), matrixFile)
		}
		delete(matrix, row.Name())
		if row.Audience != door.Owner && row.MaxBody > 0 {
			t.Errorf("%s reads a body from peers: rows are strict about unknown fields, and peers' must not be", row.Name())
		}
		if row.Audience != door.Owner && row.Method != "GET" {
			t.Errorf("%s lets peers change something: think again, then change this test", row.Name())
		}
	}
	for name := range matrix {
		t.Errorf("%s stands in %s and is no route", name, matrixFile)
	}
}

func TestMatrixOwnerAndMembers(t *testing.T) {
	matrix := readMatrix(t)
	target, _ := start(t, options(t, "target"))
	for _, role := range []api.Role{api.RoleAdmin, api.RoleMember, api.RoleLender, api.RoleBorrower} {
		n, stopIt := start(t, options(t, string(role)))
		join(t, target, n, role)
		if got := n.net.Self().Role; got != role {
			t.Fatalf("joined as %s, not %s", got, role)
		}
		before := target.refusal.sum()
		column(t, string(role), n.doors, "http://"+string(target.ID()), matrix)
		if target.refusal.sum() < before+40 {
			t.Errorf("%d refusals of the %s were counted", target.refusal.sum()-before, role)
		}
		stopIt()
	}
	var told bool
	for _, e := range mustReady(t, target) {
		told = told || e.Type == api.EventRefused && strings.Contains(e.Msg, "GET /v1/status")
	}
	if !told {
		t.Error("no event tells of a refusal")
	}
	owner := overSocket(target.Socket())
	column(t, "owner", owner, "http://p2prc", matrix)
}

func mustReady(t *testing.T, n *Node) []api.Event {
	t.Helper()
	events, err := n.hub.Reader(0).Ready(10_000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// A stranger knows a member's address and nothing else: with a node of its own,
// and with a bare libp2p host that asks for the protocol directly.
func TestMatrixStranger(t *testing.T) {
	matrix := readMatrix(t)
	target, _ := start(t, options(t, "target"))
	stranger, _ := start(t, options(t, "stranger"))
	addr := target.net.Addrs()[0]
	if _, err := stranger.net.AddAddr(t.Context(), addr); err == nil {
		t.Error("a stranger could add the address")
	}
	column(t, "stranger", stranger.doors, "http://"+string(target.ID()), matrix)

	h, err := libp2p.New(libp2p.NoListenAddrs)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	info, err := peer.AddrInfoFromString(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := h.Connect(ctx, *info); err != nil {
		return // refused at the connection already
	}
	for _, p := range Features() {
		s, err := h.NewStream(network.WithAllowLimitedConn(ctx, "test"), info.ID, protocol.ID(p))
		if err != nil {
			continue
		}
		err = errors.Join(s.SetDeadline(time.Now().Add(5*time.Second)), func() error {
			_, err := io.WriteString(s, "GET /v1/peer-status HTTP/1.1\r\nHost: x\r\n\r\n")
			return err
		}())
		b := make([]byte, 1)
		if n, _ := s.Read(b); n > 0 || err == nil && n > 0 {
			t.Errorf("a stranger was answered on %s", p)
		}
	}
	waitFor(t, target, "the refusal to be counted", func() bool { return target.net.Counters()["refused_strangers"] > 0 })
}
