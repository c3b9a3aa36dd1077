package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func write(t *testing.T, text string) string {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, FileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func env(kv ...string) func(string) string {
	return func(k string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == k {
				return kv[i+1]
			}
		}
		return ""
	}
}

func TestDefaultsAreValidAndNothingIsWritten(t *testing.T) {
	home := t.TempDir()
	f, err := Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Get().Validate(); err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(home); err != nil || len(list) != 0 {
		t.Errorf("Open wrote %v, %v", list, err)
	}
}

func TestOpenKeepsDefaultsForWhatTheFileLacks(t *testing.T) {
	f, err := Open(write(t, `{"name":"box","lend":{"enabled":false}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Get()
	if c.Name != "box" || c.Lend.Enabled || !c.MDNS || c.BlobQuota != 20<<30 || len(c.Lend.Policy) != len(DefaultPolicy()) {
		t.Errorf("%+v", c)
	}
}

func TestRuleDoesNotInheritFromTheDefault(t *testing.T) {
	f, err := Open(write(t, `{"lend":{"policy":[{"subject":"role:admin","action":"run","resource":"*"}]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Rule{{Subject: "role:admin", Action: "run", Resource: "*"}}
	if got := f.Get().Lend.Policy; !slices.Equal(got, want) {
		t.Errorf("%+v: a rule that does not say allow must not allow", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct{ text, msg, hint string }{
		{`{"nmae":"x"}`, "1:7: unknown key nmae", "did you mean name?"},
		{"{\n  \"lend\": {\"limits\": {\"totl\": {}}}\n}", "2:28: unknown key lend.limits.totl", "did you mean total?"},
		{"{\n  \"lend\": {\"policy\": [{\"who\":\"*\"}]}\n}", "unknown key lend.policy.who", "one of subject, action, resource, allow"},
		{`{"mdns":"yes"}`, "mdns cannot be a string", "it is a bool"},
		{`{"listen":{"port":70000}}`, "listen.port: 70000 is not a port", "1 to 65535"},
		{`{"listen":{"hosts":["here"]}}`, `"here" is not an IP address`, ""},
		{`{"name":"a b"}`, `"a b" is not a node's name`, ""},
		{`{"name":"self"}`, `"self" is not a node's name`, ""},
		{`{"name":"a","name":"b"}`, "name stands here twice", ""},
		{`{"name":null}`, "name is null", "leave the key out"},
		{`{"name":"a"`, "not JSON", ""},
		{`{"name":"a"} {}`, "there is text after the settings", ""},
		{``, "not JSON", ""},
		{`[]`, "", ""},
		{`{"blob_quota":"12 potatoes"}`, "not a size", ""},
		{`{"blob_quota":"1MiB"}`, "too little", "at least 16MiB"},
		{`{"log_level":"loud"}`, `"loud" is not a level`, "use debug"},
		{`{"labels":{"Zone":"eu"}}`, `"Zone" is not a label's name`, ""},
		{`{"labels":{"zone":3}}`, "labels", ""},
		{`{"root_nodes":["nowhere"]}`, `"nowhere" is not an address`, "host:port"},
		{`{"lend":{"limits":{"total":{"cpu":-1}}}}`, "negative", ""},
		{`{"lend":{"limits":{"max_wall":"-3s"}}}`, "negative", ""},
		{`{"lend":{"limits":{"runtimes":["wsam"]}}}`, `no runtime "wsam"`, "did you mean wasm?"},
		{`{"lend":{"policy":[{"subject":"bob","action":"run","resource":"*"}]}}`, `row 1: "bob" is not a subject`, ""},
		{`{"lend":{"policy":[{"subject":"*","action":"fly","resource":"*"}]}}`, `"fly" is not an action`, ""},
		{`{"lend":{"policy":[{"subject":"*","action":"run","resource":"runtime:x"}]}}`, `"runtime:x" is not a resource`, ""},
		{`{"lend":{"policy":[{"subject":"*","action":"network","resource":"network:lan"}]}}`, `"network:lan" is not a resource`, "network:filtered"},
		{`{"lend":{"policy":[{"subject":"*","action":"run","resource":"network:open"}]}}`, `action run cannot be on network:open`, "for action network"},
		{`{"lend":{"policy":[{"subject":"*","action":"network","resource":"runtime:docker"}]}}`, `action network cannot be on runtime:docker`, ""},
		{`{"lend":{"docker":{"refuse":["home"]}}}`, `lend.docker.refuse: "home" is neither an address nor a network`, "203.0.113.0/24"},
		{`{"lend":{"docker":{"resolvers":["127.0.0.53"]}}}`, `"127.0.0.53" is not the address of a name server`, "like 9.9.9.9"},
	} {
		home := write(t, c.text)
		_, err := Open(home, nil)
		if api.KindOf(err) != api.KindInvalid || !strings.Contains(err.Error(), c.msg) || !strings.Contains(api.HintOf(err), c.hint) {
			t.Errorf("%s\n got %v (%s)\nwant %s (%s)", c.text, err, api.HintOf(err), c.msg, c.hint)
		}
		if err != nil && !strings.HasPrefix(err.Error(), filepath.Join(home, FileName)+":") {
			t.Errorf("the error does not start with the file: %v", err)
		}
	}
}

func TestEnvironmentStandsAboveTheFileAndIsNotSaved(t *testing.T) {
	home := write(t, `{"name":"box"}`)
	f, err := Open(home, env("P2PRC_NAME", "other", "P2PRC_PORT", "4444", "P2PRC_LEND", "off"))
	if err != nil {
		t.Fatal(err)
	}
	if c := f.Get(); c.Name != "other" || c.Listen.Port != 4444 || c.Lend.Enabled {
		t.Errorf("%+v", c)
	}
	err = f.Update(func(c *Config) error {
		if c.Name != "box" {
			t.Errorf("Update sees the environment's %s", c.Name)
		}
		c.Meta = "hello"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := plain.Get(); c.Name != "box" || c.Meta != "hello" || c.Listen.Port != 0 || !c.Lend.Enabled {
		t.Errorf("saved: %+v", c)
	}
	_, err = Open(home, env("P2PRC_PORT", "many"))
	if err == nil || !strings.Contains(err.Error(), "P2PRC_PORT") {
		t.Errorf("%v", err)
	}
	_, err = Open(home, env("P2PRC_PORT", "99999"))
	if err == nil || !strings.Contains(err.Error(), "P2PRC_PORT") {
		t.Errorf("%v", err)
	}
}

func TestUpdateKeepsTheOldOnFailure(t *testing.T) {
	home := write(t, `{"name":"box"}`)
	f, err := Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for name, fn := range map[string]func(*Config) error{
		"the change fails":      func(c *Config) error { c.Name, c.Labels["a"] = "new", "b"; return boom },
		"the result is invalid": func(c *Config) error { c.Name, c.Labels["a"] = "a b", "b"; return nil },
	} {
		if err := f.Update(fn); err == nil {
			t.Errorf("%s: no error", name)
		}
		if c := f.Get(); c.Name != "box" || len(c.Labels) != 0 {
			t.Errorf("%s: %+v", name, c)
		}
		if text, err := os.ReadFile(f.Path()); err != nil || string(text) != `{"name":"box"}` {
			t.Errorf("%s: on disk: %s, %v", name, text, err)
		}
	}
}

func TestSaveFailureLeavesNothing(t *testing.T) {
	home := t.TempDir()
	f, err := Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.Path(), 0o700); err != nil { // a folder cannot be replaced by a file
		t.Fatal(err)
	}
	if err := save(f.Path(), Default()); api.KindOf(err) != api.KindInternal {
		t.Errorf("%v", err)
	}
	if list, err := filepath.Glob(filepath.Join(home, ".config-*")); err != nil || len(list) != 0 {
		t.Errorf("left %v, %v", list, err)
	}
}

func TestTwoProcessesUpdateOneFile(t *testing.T) {
	home := filepath.Join(t.TempDir(), "new")
	var wg sync.WaitGroup
	for p := range 4 {
		f, err := Open(home, nil)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for i := range 10 {
				if err := f.Update(func(c *Config) error { return c.Set(fmt.Sprintf("labels.p%d-%d", p, i), "x") }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f, err := Open(home, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Get().Labels); n != 40 {
		t.Errorf("%d of 40 changes survived", n)
	}
	if st, err := os.Stat(f.Path()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func TestGetAndSet(t *testing.T) {
	c := Default()
	for _, kv := range [][3]string{
		{"name", "box", `"box"`}, {"mdns", "off", "false"}, {"listen.port", "4100", "4100"},
		{"blob_quota", "1GiB", `"1GiB"`}, {"lend.limits.total.memory", "8GiB", "8589934592"}, {"lend.limits.total.cpu", "1.5", "1.5"},
		{"lend.limits.max_wall", "2h", `"2h0m0s"`}, {"labels.zone", "eu", `"eu"`},
	} {
		if err := c.Set(kv[0], kv[1]); err != nil {
			t.Errorf("set %s: %v", kv[0], err)
		}
		if got, err := c.Get(kv[0]); err != nil || string(got) != kv[2] {
			t.Errorf("get %s: %s, %v; want %s", kv[0], got, err, kv[2])
		}
	}
	if err := c.Set("root_nodes", "a:1, b:2"); err != nil || !slices.Equal(c.RootNodes, []string{"a:1", "b:2"}) {
		t.Errorf("%v, %v", c.RootNodes, err)
	}
	if err := c.Set("lend.limits.runtimes", "wasm,process"); err != nil || len(c.Lend.Limits.Runtimes) != 2 {
		t.Errorf("%v, %v", c.Lend.Limits.Runtimes, err)
	}
	if err := c.Set("lend.policy", `[{"subject":"*","action":"*","resource":"*","allow":true}]`); err != nil || c.Lend.Policy[0].Action != "*" {
		t.Errorf("%v, %v", c.Lend.Policy, err)
	}
	if err := c.Set("labels.zone", ""); err != nil || len(c.Labels) != 0 {
		t.Errorf("%v, %v", c.Labels, err)
	}
	for _, kv := range [][2]string{{"mdns", "perhaps"}, {"listen.port", "x"}, {"lend.limits.total.memory", "much"}, {"lend.limits.max_wall", "-1s"}, {"lend.policy", "{}"}, {"lend.policy", `[{"sbuject":"*"}]`}} {
		if err := c.Set(kv[0], kv[1]); api.KindOf(err) != api.KindInvalid {
			t.Errorf("set %s %s: %v", kv[0], kv[1], err)
		}
	}
	for key, hint := range map[string]string{"lsten.port": "did you mean listen.port?", "zzz": "lists them all", "name.x": ""} {
		err := c.Set(key, "1")
		if api.KindOf(err) != api.KindInvalid || !strings.Contains(api.HintOf(err), hint) {
			t.Errorf("set %s: %v (%s)", key, err, api.HintOf(err))
		}
	}
	if _, err := c.Get("labels.none"); api.KindOf(err) != api.KindNotFound {
		t.Error(err)
	}
	if all, err := c.Get(""); err != nil || !json.Valid(all) {
		t.Errorf("%s, %v", all, err)
	}
	for _, key := range Keys() {
		if _, err := c.Get(key); err != nil {
			t.Errorf("get %s: %v", key, err)
		}
	}
	for _, v := range EnvVars() {
		if !slices.Contains(Keys(), v.Key) {
			t.Errorf("%s stands for %s, which does not exist", v.Name, v.Key)
		}
	}
}

func TestDomainSettings(t *testing.T) {
	good := Default().Gateway
	good.HTTPSPort, good.HTTPPort, good.ACMECA, good.ACMEEmail, good.Resolver = 8443, 0, "/ca.pem", "me@example.org", "[2001:db8::1]:53"
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	for key, spoil := range map[string]func(*Gateway){
		"gateway.https_port": func(g *Gateway) { g.HTTPSPort = 0 },
		"gateway.http_port":  func(g *Gateway) { g.HTTPPort = g.HTTPSPort },
		"gateway.acme":       func(g *Gateway) { g.ACME = "http://ca.example/" },
		"gateway.acme_ca":    func(g *Gateway) { g.ACMECA = "ca.pem" },
		"gateway.acme_email": func(g *Gateway) { g.ACMEEmail = "Me <me@example.org>" },
		"gateway.resolver":   func(g *Gateway) { g.Resolver = "dns.example:53" },
	} {
		bad := good
		spoil(&bad)
		if err := bad.validate(); api.KindOf(err) != api.KindInvalid || !strings.Contains(err.Error(), key) || api.HintOf(err) == "" {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestHome(t *testing.T) {
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "go.mod"), []byte("// x\nmodule "+modulePath+"\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.org/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  func(string) string
		want string
	}{
		{env("P2PRC", "/some/home", "HOME", "/u"), "/some/home"},
		{env("HOME", "/u"), "/u/.p2prc"},
		{env("P2PRC", project, "HOME", "/u"), filepath.Join(project, ".p2prc")},
		{env("P2PRC", other), other},
	} {
		if got, err := Home(c.env); err != nil || got != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	if _, err := Home(env()); api.KindOf(err) != api.KindInvalid {
		t.Error(err)
	}
	for _, file := range []string{filepath.Join(project, "go.mod"), filepath.Join(project, "go.mod", "below")} {
		if _, err := Home(env("P2PRC", file)); api.KindOf(err) != api.KindInvalid || err.Error() != "the home "+file+" is no folder" {
			t.Error(err)
		}
	}
	if got, err := Home(env("P2PRC", "rel")); err != nil || !filepath.IsAbs(got) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestSocket(t *testing.T) {
	if s, err := Socket("/h"); err != nil || s != "/h/p2prc.sock" {
		t.Errorf("%s, %v", s, err)
	}
	if _, err := Socket("/" + strings.Repeat("h", 100)); api.KindOf(err) != api.KindInvalid {
		t.Error(err)
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		in    Listen
		want  []int
		fixed bool
	}{
		{Listen{}, []int{4001, 0}, false}, {Listen{Kept: 5000}, []int{5000, 0}, false}, {Listen{Port: 7, Kept: 5000}, []int{7}, true},
	} {
		if got, fixed := c.in.Ports(); !slices.Equal(got, c.want) || fixed != c.fixed {
			t.Errorf("%+v: %v %v", c.in, got, fixed)
		}
	}
}

func TestDefaultName(t *testing.T) {
	for host, want := range map[string]string{"Big-Box.example.org": "big-box", "": "node", "...": "node", "ünïx": "n-x", strings.Repeat("a", 99): strings.Repeat("a", 63)} {
		got := defaultName(host, nil)
		if got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
		if err := ValidateName(got); err != nil {
			t.Error(err)
		}
	}
	if defaultName("x", errors.New("no name")) != "node" {
		t.Error("an error must give the plain name")
	}
}

func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(`{"name":"x","lend":{"limits":{"total":{"cpu":1}}}}`))
	f.Add([]byte(`{"a":[{"b":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if err := decodeStrict(text, &c); err == nil && !json.Valid(text) {
			t.Errorf("took %q", text)
		}
	})
}

func TestDockerAddresses(t *testing.T) {
	d := Docker{Refuse: []string{"203.0.113.7", "198.51.100.0/24", "2001:db8::/32", "::ffff:203.0.113.8"}, Resolvers: []string{"192.168.1.1"}}
	if err := d.validate(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(d.Refused(), d.NameServers()); got != "[203.0.113.7/32 198.51.100.0/24 2001:db8::/32 203.0.113.8/32] [192.168.1.1]" {
		t.Error(got)
	}
}

// Shells show it beside the key, and p2prc config has no other words for it.
func TestEveryKeyHasItsWords(t *testing.T) {
	for _, key := range Keys() {
		if Doc(key) == "" {
			t.Errorf("%s has no doc", key)
		}
	}
}
