package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestWithoutANode(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"status"}, {"peers"}, {"invite"}, {"leave"}, {"specs"}, {"label"}, {"job", "ls"}, {"lend", "ls"}, {"members"}} {
		w.want(10, "", "hint: start one with: p2prc up", args...)
	}
	w.want(10, "", "error: no node runs in ", "down")
	w.want(2, "", "is no folder", "--home", w.file("file", ""), "status")
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	w := newWorld(t)
	w.golden("mistakes", []string{"pers"}, []string{"job", "lst"}, []string{"zebra"}, []string{"peers", "a", "b"}, []string{"peers", "--jsn"}, []string{"join"}, []string{"join", "two words"},
		[]string{"invite", "--role", "king"}, []string{"members", "role", "beta", "lendr"}, []string{"invite", "--uses", "0"}, []string{"invite", "--uses", "x"}, []string{"invite", "lst"}, []string{"up", "--port", "99999"}, []string{"label", "x"}, []string{"config", "set", "nmae", "x"}, []string{"--home"},
		[]string{"help", "rnu"}, []string{"help", "job", "sohw"}, []string{"help", "peers", "NOTHING"},
		[]string{"peers", "pnig", "beta"}, []string{"map"}, []string{"map", "lss"}, []string{"map", "rmm", "X"}, []string{"map", "30000000"}, []string{"map", "3000", "4000"},
		[]string{"container", "create", "beta", "--image", "x", "--name", "We b"}, []string{"group", "create", "Webs"},
		[]string{"invite", "--expires", "1"}, []string{"lend", "limits", "--memory", "lots"}, []string{"lend", "limits", "--cpus", "two"})
}

// Every command shows how it is used, with flags and commands that there are.
func TestExamplesOfEveryCommand(t *testing.T) {
	program := regexp.MustCompile(`(?:^|[;|&$(] *)p2prc ([^;|&)>]*)`)
	word := regexp.MustCompile(`'[^']*'|[^ ]+`)
	fresh := func() *cobra.Command {
		root := newRoot(newApp(Env{Getenv: func(string) string { return "" }}, Deps{}))
		root.InitDefaultHelpCmd()
		return root
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if cmd.HasAvailableSubCommands() || cmd.Hidden {
			return
		}
		uses := 0
		for line := range strings.Lines(cmd.Example) {
			for _, m := range program.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
				var args []string
				for _, w := range word.FindAllString(m[1], -1) {
					args = append(args, strings.Trim(w, "'"))
				}
				used, rest, err := fresh().Find(args)
				if err != nil {
					t.Errorf("%s: %v", line, err)
					continue
				}
				if used.CommandPath() == cmd.CommandPath() {
					uses++
				}
				if err := used.ParseFlags(rest); err != nil {
					t.Errorf("%s: %v", line, err)
				} else if err := used.ValidateArgs(used.Flags().Args()); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
		if uses == 0 {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
	walk(fresh())
}

func TestHelpOfEveryCommandNamesItsExitCodes(t *testing.T) {
	ref, err := os.ReadFile("../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(ref) != string(Reference()) {
		t.Error("docs/cli.md is not what the commands say: run go generate ./cli")
	}
	for part := range strings.SplitSeq(string(ref), "\n## ") {
		if name, _, _ := strings.Cut(part, "\n"); strings.HasPrefix(name, "p2prc ") && !strings.Contains(part, "Exit codes:") && !strings.Contains(part, "COMMAND") {
			t.Errorf("%s does not name its exit codes", name)
		}
	}
}

func TestInvite(t *testing.T) {
	w := newWorld(t).serve()
	var req api.InviteRequest
	took(w, "POST /v1/invites", &req, api.InviteToken{Invite: api.Invite{Uses: 3, Role: "lender", Expires: day}, Token: "p2prc1-secret"})
	w.want(0, "", "admits 3 machines as lender", "invite", "--role", "lender", "--uses", "3", "--expires", "30m")
	if w.out.String() != "p2prc1-secret\n" {
		t.Errorf("the token must stand alone: %q", w.out.String())
	}
	if req.Role != "lender" || req.Uses != 3 || req.Expires != api.Duration(1800e9) {
		t.Errorf("%+v", req)
	}
}

func TestJoin(t *testing.T) {
	w := newWorld(t)
	res := api.JoinResult{Network: "NET", Role: "member", Via: idB}
	var gotHome, gotToken string
	w.deps.Join = func(_ context.Context, home, token string) (api.JoinResult, error) {
		gotHome, gotToken = home, token
		return res, nil
	}
	w.stdin = "p2prc1-token\n"
	w.want(0, "joined network NET as member", "p2prc up --detach", "join", "-")
	if gotHome != w.home || gotToken != "p2prc1-token" {
		t.Errorf("%s %s", gotHome, gotToken)
	}
	w.deps.Join = func(context.Context, string, string) (api.JoinResult, error) {
		return api.JoinResult{}, api.Errorf(api.KindDenied, "the invite has expired").WithHint("ask for a new one")
	}
	w.want(11, "", "hint: ask for a new one", "join", "p2prc1-token")
	w.serve().answer("POST /v1/join", res)
	w.want(0, "joined network NET", "p2prc peers", "join", "p2prc1-token")
	w.stdin = ""
	w.want(2, "", "that is not an invite's token", "join", "-")
	w.want(2, "", "that is not an invite's token", "join", strings.Repeat("x", 5000))
}

func TestUp(t *testing.T) {
	w := newWorld(t)
	var got UpOptions
	w.deps.Up = func(_ context.Context, o UpOptions) error {
		got = o
		o.Ready(api.Status{Name: "alpha", ID: idA, PID: 7, Home: o.Home, Role: api.RoleAdmin})
		return nil
	}
	w.want(0, "", "it is alone in its network", "up", "--port", "4444", "--log-level", "debug")
	if got.Home != w.home || got.Port != 4444 || got.LogLevel != "debug" {
		t.Errorf("%+v", got)
	}
	w.deps.Up = func(ctx context.Context, _ UpOptions) error {
		w.signals <- os.Interrupt
		<-ctx.Done()
		return nil
	}
	w.want(0, "", "", "up")
	w.serve().answer("GET /v1/status", api.Status{PID: 42})
	w.want(1, "", "process 42", "up", "--detach")
}

func TestUpDetachedTellsWhyTheNodeEnded(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("error: old\nlevel=INFO x\nerror: port 4001 is taken\nhint: choose another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := childFailed(log, int64(len("error: old\n")), 1)
	if err.Error() != "port 4001 is taken" || api.HintOf(err) != "choose another" {
		t.Errorf("%v", err)
	}
	if err := childFailed(filepath.Join(t.TempDir(), "none"), 0, 2); !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("%v", err)
	}
}

func TestConfig(t *testing.T) {
	w := newWorld(t)
	w.want(0, "", "", "config", "set", "name", "big-box")
	w.want(0, "big-box\n", "", "config", "get", "name")
	w.want(0, "\"name\": \"big-box\"", "", "config", "get")
	w.want(0, filepath.Join(w.home, "config.json"), "", "config", "path")
	w.want(0, "", "is fine", "config", "check")
	w.want(2, "", "is not a port", "config", "set", "listen.port", "99999")
	w.env["P2PRC_PORT"] = "lots"
	w.want(2, "", "P2PRC_PORT", "config", "check")
	delete(w.env, "P2PRC_PORT")
	if err := os.WriteFile(filepath.Join(w.home, "config.json"), []byte("{\n \"nmae\": \"x\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(2, "", "config.json:2:7: unknown key nmae\nhint: did you mean name?", "config", "check")
	if err := os.Remove(filepath.Join(w.home, "config.json")); err != nil {
		t.Fatal(err)
	}
	w.serve().answer("GET /v1/status", api.Status{})
	w.want(0, "", "the running node reads it when it starts", "config", "set", "name", "other")
}

func TestLabels(t *testing.T) {
	w := newWorld(t).serve()
	self := somePeers()[0]
	self.Labels = map[string]string{"zone": "eu", "old": "x"}
	var set map[string]string
	w.answer("GET /v1/peers/self", self)
	took(w, "PUT /v1/labels", &set, nil)
	w.want(0, "gpu=no\nzone=us\n", "", "label", "zone=us", "gpu=no", "old-")
	if len(set) != 2 || set["zone"] != "us" {
		t.Errorf("%v", set)
	}
	w.want(2, "", "is not a label's name", "label", "Zone=x")
}

func TestStatusOfRefusals(t *testing.T) {
	w := newWorld(t).serve()
	w.answer("GET /v1/status", api.Status{Name: "alpha", ID: idA, Version: "v1", Role: "admin", Expires: day, Addrs: []string{"a", "b"}, Lend: api.LendStatus{State: api.LendOff},
		Counters: map[string]int64{"refused_strangers": 4, "refused_members": 0}})
	w.want(0, "refused strangers  4", "", "status")
	if strings.Contains(w.out.String(), "refused members") {
		t.Error("a zero counter is noise")
	}
}

func TestAgentAndDemoAreHandedThrough(t *testing.T) {
	w := newWorld(t)
	var agentArgs []string
	w.deps.Agent = func(args []string) int { agentArgs = args; return 7 }
	w.want(7, "", "", "agent", "--fd", "3")
	if strings.Join(agentArgs, " ") != "--fd 3" {
		t.Errorf("%q", agentArgs)
	}
	var o DemoOptions
	w.deps.Demo = func(_ context.Context, got DemoOptions) error { o = got; return nil }
	w.want(0, "", "", "demo", "--scene", "x.obj", "--frames", "4", "-o", "pics")
	if o.Scene != filepath.Join(w.dir, "x.obj") || o.Frames != 4 || o.Out != filepath.Join(w.dir, "pics") || o.Program == "" {
		t.Errorf("%+v", o)
	}
	w.want(0, "p2prc v0.1-test\n", "", "version")
	w.want(0, "p2prc v0.1-test\n", "", "--version")
}

func TestCompletion(t *testing.T) {
	w := newWorld(t).serve()
	w.answer("GET /v1/peers", somePeers()).answer("GET /v1/jobs", []api.Job{{ID: jobID}})
	w.want(0, "alpha\tself, lends wasm\n", "", "__complete", "peers", "al")
	w.want(0, "OB777777", "", "__complete", "job", "show", "")
	w.want(0, "beta?[2J?\tdead\n", "", "__complete", "run", "--on", "b")
	w.want(0, "listen.port", "", "__complete", "config", "get", "listen.p")
	for _, shell := range []string{"bash", "fish", "powershell", "zsh"} {
		w.want(0, "complete", "", "completion", shell)
		w.want(0, shell+"\n", "", "__complete", "completion", "")
	}
	w.want(2, "", "hint: did you mean bash?", "completion", "bas")
	w.want(2, "", "needs the name of a SHELL: bash, fish", "completion")
}

func TestErrorsCannotMoveTheCursor(t *testing.T) {
	w := newWorld(t).serve()
	w.answer("GET /v1/peers", api.Errorf(api.KindDenied, "no\x1b[2J").WithHint("\x1b]0;x\x07"))
	w.want(11, "", "error: no?[2J", "peers")
	if strings.ContainsAny(w.err.String(), "\x1b\x07") {
		t.Errorf("%q", w.err.String())
	}
}

func TestOldNodeSaysSo(t *testing.T) {
	w := newWorld(t).serve()
	w.want(1, "", "the node answered 404", "peers")
}

func TestLineWriter(t *testing.T) {
	var b strings.Builder
	lw := &lineWriter{w: &b, prefix: "> "}
	for _, s := range []string{"a", "b\nc", "\n\n", strings.Repeat("x", maxLine+10), "end"} {
		if n, err := lw.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := lw.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "> ab\n> c\n> \n> "+strings.Repeat("x", maxLine)+"\n> "+strings.Repeat("x", 10)+"end\n"; got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

// A task that prints a million short lines must not cost a write each, nor a
// copy of what is still to come.
func TestLineWriterWritesOnceAChunk(t *testing.T) {
	var w countWrites
	lw := &lineWriter{w: &w, prefix: "> "}
	chunk := bytes.Repeat([]byte("0123456789abcde\n"), 1000)
	for range 10 {
		if _, err := lw.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if w.writes != 10 || w.bytes != 10*1000*18 {
		t.Errorf("%d writes of %d bytes in all", w.writes, w.bytes)
	}
}

type countWrites struct{ writes, bytes int }

func (c *countWrites) Write(p []byte) (int, error) {
	c.writes++
	c.bytes += len(p)
	return len(p), nil
}
