package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"text/template"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Run is one run of a plugin.
type Run struct {
	Plugin    Plugin
	SSHConfig string   // a file by which ssh reaches the hosts
	Check     bool     // change nothing
	Diff      bool     // show what changes
	Vars      []string // as ansible-playbook -e takes them
	AtOnce    int      // hosts
}

// Host is what a plugin is run on.
type Host struct {
	Name    string // of the container
	Address string // as ssh knows it
	Ports   []int  // free ones
}

// Result is how it went on a host: the counts of Ansible's recap.
type Result struct {
	Host        string `json:"host"`
	Ports       []int  `json:"ports"`
	OK          int    `json:"ok"`
	Changed     int    `json:"changed"`
	Unreachable int    `json:"unreachable"`
	Failed      int    `json:"failed"`
	Skipped     int    `json:"skipped"`
	Error       string `json:"error,omitempty"` // empty: it went well
	Log         string `json:"log"`             // the file with what was printed
}

// On runs the plugin on hosts at once, each by an Ansible of its own in a copy of the
// folder, so that what fails on one is that one's. out is where a host's output goes;
// it is asked for once a host, and it is kept as well. The results are in the hosts' order.
func (f *Folder) On(ctx context.Context, r Run, hosts []Host, out func(host string) io.Writer) ([]Result, error) {
	ansible, err := exec.LookPath("ansible-playbook")
	if err != nil {
		return nil, api.Errorf(api.KindUnsupported, "there is no Ansible on this machine, and it is what runs plugins").
			WithHint("apt-get install ansible-core, brew install ansible, or pipx install ansible-core")
	}
	tmp, err := os.MkdirTemp("", "p2prc-") // short: ssh has sockets in it
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	defer os.RemoveAll(tmp)
	whole := filepath.Join(tmp, "plugin")
	if err := f.copyChecked(r.Plugin, whole); err != nil {
		return nil, err
	}
	results := make([]Result, len(hosts))
	slots := make(chan struct{}, max(r.AtOnce, 1))
	var all sync.WaitGroup
	for i, h := range hosts {
		slots <- struct{}{}
		w := out(h.Name)
		all.Go(func() {
			defer func() { <-slots }()
			results[i] = f.onOne(ctx, r, h, ansible, whole, filepath.Join(tmp, strconv.Itoa(i)), w)
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return results, context.Cause(ctx)
	}
	return results, nil
}

// copyChecked copies a plugin, and refuses one that is not what was pinned: of the
// copy, for what is looked at must be what is run.
func (f *Folder) copyChecked(p Plugin, to string) error {
	if err := copyTree(p.Dir, to); err != nil {
		return api.Errorf(or(api.KindOf(err), api.KindInvalid), "plugin %s cannot be copied: %w", p.Name, err)
	}
	if p.Pin == nil {
		return nil
	}
	hash, err := Hash(to)
	if err != nil {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	if hash != p.Pin.Hash {
		return api.Errorf(api.KindConflict, "plugin %s is not what was pulled: its files were changed since", p.Name).
			WithHint("p2prc plugin pull %s brings commit %s back, or what is newer", p.Pin.URL, p.Pin.Commit[:shortCommit])
	}
	return nil
}

func or(k, instead api.Kind) api.Kind {
	if k == api.KindInternal {
		return instead
	}
	return k
}

// onOne runs the playbook on one host.
func (f *Folder) onOne(ctx context.Context, r Run, h Host, ansible, whole, dir string, out io.Writer) Result {
	res := Result{Host: h.Name, Ports: h.Ports, Log: filepath.Join(f.dir, logDir, r.Plugin.Name, h.Name)}
	if err := f.play(ctx, r, h, ansible, whole, dir, out, &res); err != nil {
		res.Error = err.Error()
	}
	return res
}

func (f *Folder) play(ctx context.Context, r Run, h Host, ansible, whole, dir string, out io.Writer, res *Result) (err error) {
	if err := prepare(r, h, whole, dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(res.Log), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(res.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	args := []string{"-i", hostsFile, siteFile}
	if r.Check {
		args = append(args, "--check")
	}
	if r.Diff {
		args = append(args, "--diff")
	}
	for _, v := range r.Vars {
		args = append(args, "-e", v)
	}
	cmd := exec.CommandContext(ctx, ansible, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends its own
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environment(r, dir)...)
	tail := &lastLines{}
	cmd.Stdout = io.MultiWriter(log, out, tail)
	cmd.Stderr = cmd.Stdout
	err = cmd.Run()
	seen := tail.recap(h.Name, res)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit) && res.Unreachable > 0:
		return errors.New("unreachable")
	case errors.As(err, &exit) && res.Failed > 0:
		return fmt.Errorf("%d failed", res.Failed)
	case errors.As(err, &exit):
		return fmt.Errorf("ansible-playbook ended with %d", exit.ExitCode())
	case err == nil && !seen:
		return errors.New("the playbook has nothing for this host")
	}
	return err
}

// prepare makes what Ansible reads in dir.
func prepare(r Run, h Host, whole, dir string) error {
	if err := copyTree(whole, dir); err != nil {
		return err
	}
	site, err := render(filepath.Join(whole, siteFile), h.Ports)
	if err != nil {
		return err
	}
	hosts, err := inventory(whole, h.Name, map[string]any{"ansible_host": h.Address, "ansible_user": "root", "ansible_become_method": "su"})
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{siteFile: site, hostsFile: hosts} {
		path := filepath.Join(dir, name)
		// A link of that name would be written through.
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// render fills the ports into a playbook.
func render(path string, ports []int) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := template.New(siteFile).Option("missingkey=error").Parse(string(b))
	var out bytes.Buffer
	if err == nil {
		err = t.Execute(&out, ports)
	}
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "%s is a template that fails: %w", siteFile, err).WithHint("what Ansible shall read in braces is written {{\"{{\"}} name }}")
	}
	return out.Bytes(), nil
}

func environment(r Run, dir string) []string {
	return []string{
		"ANSIBLE_SSH_ARGS=-F '" + r.SSHConfig + "' -o ControlMaster=auto -o ControlPersist=5s",
		"ANSIBLE_SSH_CONTROL_PATH_DIR=" + filepath.Dir(dir),
		"ANSIBLE_LOCAL_TEMP=" + filepath.Join(dir, ".ansible"),
		"ANSIBLE_PIPELINING=1", "ANSIBLE_NOCOWS=1", "ANSIBLE_RETRY_FILES_ENABLED=0",
		"ANSIBLE_NOCOLOR=1", "ANSIBLE_FORCE_COLOR=0", "ANSIBLE_STDOUT_CALLBACK=default", // the recap is read
	}
}

// lastLines keeps the end of what is printed, where the recap is.
type lastLines struct{ buf []byte }

const lastKept = 16 << 10

func (l *lastLines) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	l.buf = l.buf[max(0, len(l.buf)-lastKept):]
	return len(p), nil
}

var recapLine = regexp.MustCompile(`(?m)^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)`)

// recap reads the counts of host, and tells whether they were there.
func (l *lastLines) recap(host string, res *Result) bool {
	for _, m := range recapLine.FindAllSubmatch(l.buf, -1) {
		if string(m[1]) != host {
			continue
		}
		for i, n := range []*int{&res.OK, &res.Changed, &res.Unreachable, &res.Failed, &res.Skipped} {
			*n, _ = strconv.Atoi(string(m[i+2])) // it matched digits
		}
		return true
	}
	return false
}
