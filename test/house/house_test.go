// Package house holds the tests that keep the shape of the house: who may
// import whom, one package comment each, files that stay rooms.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/Akilan1999/p2p-rendering-computation"

// rules say which packages of ours a package may depend on, itself and what is
// below it included. A rule holds for everything under its path; the longest
// path wins. Everyone but api may use internal, which has no product nouns. The reason stands beside each, because a rule without one is
// removed by the first person it annoys.
var rules = []struct {
	path   string
	may    []string
	reason string
}{
	{"api", nil, "the leaf: anyone may import it, so it may import nobody"},
	{"wire", []string{"api"}, "framing knows the error type and the ids, and no product"},
	{"config", []string{"api"}, "the file format must be readable without a node"},
	{"jobfile", []string{"api"}, "the command line and embedders read job files without a node"},
	{"store", []string{"api", "wire"}, "it satisfies interfaces that its users declare, so it never imports them"},
	{"blob", []string{"api", "wire"}, "bytes know nothing of jobs or leases"},
	{"image", []string{"api", "wire", "blob"}, "images are blobs to it, and an engine is an interface"},
	{"p2p", []string{"api", "wire"}, "the network knows nothing of what is done over it"},
	{"agent", []string{"api", "wire"}, "it runs inside sandboxes: small, and without any of the node's code"},
	{"server", []string{"api", "wire", "blob", "agent"}, "lending must be testable without a network and never reaches into borrowing"},
	{"client", []string{"api", "wire", "blob"}, "borrowing must be testable without a network and never reaches into lending"},
	{"sshd", []string{"api", "wire", "agent"}, "an ssh front of sessions; it knows a container by its name alone"},
	{"gateway", []string{"api", "wire"}, "it carries for members and knows neither whom it trusts nor how they are reached"},
	{"node", []string{"api", "wire", "config", "store", "blob", "image", "p2p", "agent", "server", "client", "sshd", "gateway"}, "the composition root; the only room that sees all others"},
	{"plugin", []string{"api"}, "it runs beside the command line, on the borrower's machine; hosts are names that ssh knows"},
	{"cli", []string{"api", "config", "jobfile", "plugin", "wire"}, "whatever the command line can do, curl can do; its two-way streams are wire frames"},
	{"abstractions", []string{"api", "config", "node", "jobfile"}, "thin over node"},
	{"bindings", []string{"abstractions", "api", "config"}, "thin over the embedding API"},
	{"demo", []string{"api", "node", "jobfile", "config"}, "a user's program, shipped in the binary"},
	{"examples", []string{"abstractions", "api", "config"}, "what a user could write"},
	{"bench", []string{"api", "wire", "config", "store", "blob", "p2p", "agent", "server", "client", "sshd", "node"}, "measures everything"},
	{"cmd", []string{"cli", "node", "agent", "demo", "api", "config"}, "hands functions to cli and does nothing else"},
	{"internal", []string{}, "helpers without product nouns"},
	{"test", []string{"api"}, "tests of the whole see it from outside"},
}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportRules(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		rule := -1
		for i, r := range rules {
			if under(from, r.path) && (rule < 0 || len(r.path) > len(rules[rule].path)) {
				rule = i
			}
		}
		if rule < 0 {
			t.Errorf("%s: no rule says whom it may import; add it to the house or to the rules", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if ours && !(under(to, "internal") && from != "api") && !allowed(rules[rule].path, to, rules[rule].may) {
				t.Errorf("%s imports %s: %s", from, to, rules[rule].reason)
			}
			if from == "api" && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
				t.Errorf("api imports %s: the leaf imports the standard library only", imp)
			}
		}
	}
}

func allowed(room, to string, may []string) bool {
	if under(to, room) {
		return true
	}
	for _, m := range may {
		if under(to, m) {
			return true
		}
	}
	return false
}

func under(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func TestOnePackageComment(t *testing.T) {
	for _, p := range packages(t) {
		var with []string
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if hasPackageComment(string(b)) {
				with = append(with, f)
			}
		}
		if len(p.GoFiles) > 0 && len(with) != 1 {
			t.Errorf("%s: package comments in %v, want exactly one", p.ImportPath, with)
		}
	}
}

// hasPackageComment tells whether a comment touches the package clause.
// The tests that SECURITY.md names are there.
func TestNamedTestsExist(t *testing.T) {
	doc, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?:`([a-z0-9/]+)` )?((?:Test|Fuzz)[A-Za-z]+)") // in the package of the one before, if not said
	dir, n := "", 0
	for row := range strings.Lines(string(doc)) {
		for _, m := range named.FindAllStringSubmatch(row, -1) {
			n++
			if m[1] != "" {
				dir = m[1]
			}
			if !declares(t, dir, m[2]) {
				t.Errorf("SECURITY.md names %s of %q, which there is not", m[2], dir)
			}
		}
	}
	if n == 0 {
		t.Error("SECURITY.md names no test")
	}
}

// declares tells whether a package has a test of a name.
func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		src, err := os.ReadFile(file)
		return err == nil && bytes.Contains(src, []byte("\nfunc "+name+"("))
	})
}

func hasPackageComment(src string) bool {
	lines := strings.Split(src, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "package ") {
			if i == 0 {
				return false
			}
			above := strings.TrimSpace(lines[i-1])
			return strings.HasPrefix(above, "//") && !strings.HasPrefix(above, "//go:") || strings.HasSuffix(above, "*/")
		}
	}
	return false
}
