package plugin

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// repository makes a git repository called name with a commit of files.
func repository(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	write(t, dir, files)
	run(t, dir, "init", "-q", "-b", "main")
	commit(t, dir)
	return dir
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	// Its upkeep would go on in the background, in a folder that is removed.
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "maintenance.auto=false", "-c", "gc.auto=0"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func commit(t *testing.T, dir string) string {
	t.Helper()
	run(t, dir, "add", "-A")
	run(t, dir, "commit", "-q", "-m", "a commit")
	return run(t, dir, "rev-parse", "HEAD")
}

const site = "- hosts: all\n"

func TestPullPins(t *testing.T) {
	repo := repository(t, "web", map[string]string{siteFile: site, descriptionFile: "serves\n", portsFile: `{"NumOfPorts": 2}`})
	first := run(t, repo, "rev-parse", "HEAD")
	run(t, repo, "tag", "v1")
	write(t, repo, map[string]string{"more": "x"})
	second := commit(t, repo)
	f := Open(t.TempDir())
	for _, tt := range []struct{ source, commit string }{{repo, second}, {repo + "@v1", first}, {"file://" + repo + "@main", second}, {repo + "@" + first, first}} {
		if p, err := f.Get("web"); err == nil && p.Pin.URL != strings.Split(tt.source, "@")[0] {
			if err := f.Remove("web"); err != nil {
				t.Fatal(err)
			}
		}
		p, err := f.Pull(t.Context(), tt.source)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := Hash(repo)
		if p.Pin.Commit != tt.commit || p.Ports != 2 || p.Description != "serves" || p.Pin.Agreed || err != nil || tt.commit == second && p.Pin.Hash != hash {
			t.Errorf("%s: %+v %+v, %v", tt.source, p, p.Pin, err)
		}
		if err := f.Remove("web"); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := f.List(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestPullRefuses(t *testing.T) {
	f := Open(t.TempDir())
	empty := repository(t, "empty", map[string]string{"readme": "x"})
	web := repository(t, "web", map[string]string{siteFile: site})
	ports := repository(t, "ports", map[string]string{siteFile: site, portsFile: `{"NumOfPorts": -1}`})
	for _, tt := range []struct {
		source, want string
		kind         api.Kind
	}{
		{"web", "is no address of a git repository", api.KindInvalid},
		{"--upload-pack=touch /tmp/x", "is no address", api.KindInvalid},
		{"ext::sh -c true", "is no address", api.KindInvalid},
		{"https://-x/y", "is no address", api.KindInvalid},
		{web + "@--output=x", "is no revision", api.KindInvalid},
		{web + "@", "is no revision", api.KindInvalid},
		{web + "@nosuch", `no revision "nosuch"`, api.KindNotFound},
		{filepath.Join(t.TempDir(), "nosuch"), "cannot be pulled", api.KindUnavailable},
		{empty, "it has no site.yml", api.KindInvalid},
		{ports, "ports.json of plugin ports is not as it must be", api.KindInvalid},
	} {
		if _, err := f.Pull(t.Context(), tt.source); api.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.source, err)
		}
	}
	if _, err := f.Pull(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	other := repository(t, "web", map[string]string{siteFile: site})
	if _, err := f.Pull(t.Context(), other); api.KindOf(err) != api.KindConflict {
		t.Errorf("another repository of the same name: %v", err)
	}
	write(t, filepath.Join(f.dir, "mine"), map[string]string{"notes": "x"})                // no plugin yet
	write(t, f.dir, map[string]string{"file": "x", "bad/notes": "x", "bad.pin.json": "{"}) // neither
	write(t, filepath.Join(f.dir, logDir), map[string]string{"web/box": "x"})
	for name, kind := range map[string]api.Kind{"mine": api.KindConflict, "file": api.KindConflict, "bad": api.KindCorrupt, "log": api.KindInvalid, "Log.git": api.KindInvalid} {
		if _, err := f.Pull(t.Context(), repository(t, name, map[string]string{siteFile: site})); api.KindOf(err) != kind {
			t.Errorf("over %s: %v", name, err)
		}
	}
	for _, name := range []string{"mine/notes", "file", "bad/notes", "log/web/box"} {
		if _, err := os.Stat(filepath.Join(f.dir, name)); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(f.dir, ".pull-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestParse(t *testing.T) {
	for source, want := range map[string][2]string{
		"https://host/x.git@v1":                {"https://host/x.git", "v1"},
		"https://host/x.git@feature/y":         {"https://host/x.git", "feature/y"},
		"git@host:p/x.git@feature/y":           {"git@host:p/x.git", "feature/y"},
		"git@host:p/x.git":                     {"git@host:p/x.git", ""},
		"ssh://u.git@host/p/x":                 {"ssh://u.git@host/p/x", ""},
		"u.git@host:p/x":                       {"u.git@host:p/x", ""},
		"/a/x.git@b/c":                         {"/a/x.git", "b/c"},
		"./x@v1":                               {"./x", "v1"},
		"https://u@host/x@y/z.git@refs/tags/1": {"https://u@host/x@y/z.git", "refs/tags/1"},
	} {
		if url, rev, err := parse(source); err != nil || url != want[0] || rev != want[1] {
			t.Errorf("%s: %q %q, %v", source, url, rev, err)
		}
	}
}

// What was agreed to stays so while the files are the same, wherever they come from.
func TestPullKeepsAgreed(t *testing.T) {
	f := Open(t.TempDir())
	repo := repository(t, "web", map[string]string{siteFile: site})
	for _, tt := range []struct {
		file string
		want bool
	}{{"", true}, {"more", false}} {
		p, err := f.Pull(t.Context(), repo)
		if err == nil {
			err = f.Agree(p)
		}
		if err != nil {
			t.Fatal(err)
		}
		if tt.file != "" {
			write(t, repo, map[string]string{tt.file: "x"})
			commit(t, repo)
		}
		if p, err = f.Pull(t.Context(), repo); err != nil || p.Pin.Agreed != tt.want {
			t.Errorf("with %q new: %+v, %v", tt.file, p.Pin, err)
		}
	}
}

// Files whose pin did not come are not there either: they would be a plugin put there by hand.
func TestPullInterrupted(t *testing.T) {
	f := Open(t.TempDir())
	repo := repository(t, "web", map[string]string{siteFile: site})
	if err := os.MkdirAll(f.pinPath("web"), 0o700); err != nil { // it cannot be written
		t.Fatal(err)
	}
	if _, err := f.Pull(t.Context(), repo); err == nil {
		t.Fatal("pulled without a pin")
	}
	if err := os.Remove(f.pinPath("web")); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Get("web"); api.KindOf(err) != api.KindNotFound {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestBrokenPin(t *testing.T) {
	f := Open(t.TempDir())
	for _, pin := range []string{"{}", "null", `{"url":"x","hash":"y","commit":"abc"}`} {
		write(t, f.dir, map[string]string{"web/" + siteFile: site, "web" + pinSuffix: pin})
		if p, err := f.Get("web"); api.KindOf(err) != api.KindCorrupt || p.Pin != nil {
			t.Errorf("%s: %+v, %v", pin, p.Pin, err)
		}
	}
}

// What a person has set for his own Ansible does not hide how it went.
func TestOwnSettings(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{siteFile: site})
	fake := "#!/bin/sh\ntest \"$ANSIBLE_FORCE_COLOR $ANSIBLE_STDOUT_CALLBACK\" = '0 default' && echo 'box : ok=2 changed=0 unreachable=0 failed=0 skipped=0'\n"
	if err := os.WriteFile(filepath.Join(bin, "ansible-playbook"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("ANSIBLE_FORCE_COLOR", "1")
	t.Setenv("ANSIBLE_STDOUT_CALLBACK", "json")
	got, err := Open(t.TempDir()).On(t.Context(), Run{Plugin: Plugin{Name: "web", Dir: dir}}, []Host{{Name: "box"}}, func(string) io.Writer { return io.Discard })
	if err != nil || len(got) != 1 || got[0].Error != "" || got[0].OK != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What runs is what was pinned: every change of the files is seen.
func TestChangedSincePinned(t *testing.T) {
	f := Open(t.TempDir())
	p, err := f.Pull(t.Context(), repository(t, "web", map[string]string{siteFile: site, "roles/a": "x", "tool": "y"}))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(p.Dir, name) }
	for name, change := range map[string]func() error{
		"content":      func() error { return os.WriteFile(at("roles/a"), []byte("z"), 0o644) },
		"a new file":   func() error { return os.WriteFile(at("ansible.cfg"), nil, 0o644) },
		"a lost one":   func() error { return os.Remove(at("tool")) },
		"a program":    func() error { return os.Chmod(at("tool"), 0o755) },
		"a link":       func() error { os.Remove(at("tool")); return os.Symlink("roles/a", at("tool")) },
		"another name": func() error { return os.Rename(at("tool"), at("tool2")) },
	} {
		if _, err := f.Pull(t.Context(), p.Pin.URL); err != nil {
			t.Fatal(err)
		}
		if err := f.copyChecked(p, filepath.Join(t.TempDir(), "copy")); err != nil {
			t.Errorf("unchanged: %v", err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := f.copyChecked(p, filepath.Join(t.TempDir(), "copy")); api.KindOf(err) != api.KindConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	os.Remove(at("out"))
	if err := os.Symlink("/etc/passwd", at("out")); err != nil {
		t.Fatal(err)
	}
	if err := f.copyChecked(p, filepath.Join(t.TempDir(), "copy")); api.KindOf(err) != api.KindInvalid {
		t.Errorf("a link that leaves: %v", err)
	}
}

func TestRender(t *testing.T) {
	path := filepath.Join(t.TempDir(), siteFile)
	for _, tt := range []struct{ text, want string }{
		{"port: {{index . 0}} and {{index . 1}}", "port: 8000 and 8001"},
		{`{{"{{"}} name {{"}}"}}`, "{{ name }}"},
		{"port: {{index . 2}}", ""},
		{"{{ ansible_host }}", ""},
		{"{{", ""},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := render(path, []int{8000, 8001})
		if string(got) != tt.want || (err == nil) == (tt.want == "") || err != nil && api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %q, %v", tt.text, got, err)
		}
	}
}

func TestInventory(t *testing.T) {
	vars := map[string]any{"ansible_host": "box.p2prc"}
	for name, tt := range map[string]struct{ hosts, want string }{
		"none": {"", `{all: {hosts: {box: {ansible_host: box.p2prc}}}}`},
		"the seed's": {`
all:
  vars:
    ansible_python_interpreter: /usr/bin/python3
main:
  hosts:
    host1:
      ansible_host: 0.0.0.0
      ansible_port: 44003
      ansible_user: master
      ansible_password: password
      ansible_sudo_pass: password
      colour: blue
`, `{all: {vars: {ansible_python_interpreter: /usr/bin/python3}, children: {main: {hosts: {box: {ansible_host: box.p2prc, colour: blue}}}}}}`},
		"INI": {"[web]\nhost1 ansible_host=1.2.3.4 colour=blue\n[web:vars]\nansible_user=x\nsize=3\n[top:children]\nweb\n",
			`{all: {children: {top: {children: {web: {hosts: {box: {ansible_host: box.p2prc, colour: blue}}, vars: {size: 3}}}}}}}`},
		"INI as Ansible reads it": {`host1 a="two words" b=3 c='"3"' d=x\ y e=yes f=[1,'b'] g="[1,'b']" h=a#no more
[web:vars] # of all
a = two words # all of it
b = "3" # a comment
c = '1\n2'
d = {'k': (1, None), "l": [True,]}
e = 0x1F, 1_000
f = 017
g = 1e3
h = {{ name }}
i = 2001-01-01
j = ''
k =
l = 1.2.3.4
m = 12:30:45
`, `{all: {children: {ungrouped: {hosts: {box: {ansible_host: box.p2prc, a: two words, b: 3, c: "3", d: x y, e: "yes", f: '[1,b]', g: [1, b], h: a}}},
web: {vars: {a: "two words # all of it", b: "3", c: "1\n2", d: {k: [1, null], l: [true]}, e: [31, 1000], f: "017", g: 1000.0, h: "{{ name }}", i: "2001-01-01", j: "", k: "", l: 1.2.3.4, m: "12:30:45"}}}}}`},
		"a group without hosts": {"main:\n", `{all: {hosts: {box: {ansible_host: box.p2prc}}, children: {main: {}}}}`},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{hostsFile: tt.hosts})
		out, err := inventory(dir, "box", vars)
		var got, want any
		if err == nil {
			err = yaml.Unmarshal(out, &got)
		}
		if werr := yaml.Unmarshal([]byte(tt.want), &want); err != nil || werr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s\nwant %s, %v %v", name, out, tt.want, err, werr)
		}
	}
}

func TestPorts(t *testing.T) {
	f := Open(t.TempDir())
	box := api.Container{ID: "1", Name: "box", Ports: []api.Port{{Inside: 80}, {Inside: 81}, {Inside: 82}}}
	give := func(name string, n int, busy ...int) ([]int, error) {
		t.Helper()
		p, err := f.OpenPorts()
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Give(Plugin{Name: name, Ports: n}, box, func(port int) bool {
			for _, b := range busy {
				if b == port {
					return false
				}
			}
			return true
		})
		if serr := p.Save([]api.Container{box}); serr != nil {
			t.Fatal(serr)
		}
		return got, err
	}
	for _, tt := range []struct {
		name string
		n    int
		busy []int
		want []int
	}{
		{"a", 1, []int{80}, []int{81}}, // something listens on the first
		{"a", 1, []int{81}, []int{81}}, // it runs again: its own is its own
		{"b", 1, nil, []int{80}},
		{"c", 0, nil, []int{}},
		{"a", 2, nil, []int{81, 82}},
	} {
		if got, err := give(tt.name, tt.n, tt.busy...); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
	if _, err := give("d", 1); api.KindOf(err) != api.KindQuota {
		t.Errorf("more than there are: %v", err)
	}
}

func TestNoAnsible(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	write(t, dir, map[string]string{siteFile: site})
	_, err := Open(dir).On(context.Background(), Run{Plugin: Plugin{Dir: dir}}, nil, func(string) io.Writer { return io.Discard })
	if api.KindOf(err) != api.KindUnsupported || !strings.Contains(api.HintOf(err), "apt-get install ansible-core") {
		t.Errorf("%v, %s", err, api.HintOf(err))
	}
}

// The shipped examples are plugins whose playbooks can be rendered.
func TestExamples(t *testing.T) {
	for _, name := range []string{"web-service", "blender"} {
		p, err := Open(t.TempDir()).Get("../plugins/" + name)
		if err != nil || p.Description == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
			continue
		}
		text, err := render(filepath.Join(p.Dir, siteFile), make([]int, p.Ports))
		var plays []any
		if err == nil {
			err = yaml.Unmarshal(text, &plays)
		}
		if err != nil || len(plays) != 1 || bytes.Contains(text, []byte("{{\"")) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
