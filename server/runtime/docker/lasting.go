package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
	lasting "github.com/Akilan1999/p2p-rendering-computation/server/container"
)

// KindContainer marks a long-lived container: it outlives the node's process.
const KindContainer = "container"

// capabilities are what root in a long-lived container keeps of root's rights:
// enough to install packages, to serve low ports and to become other users.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETUID", "SETGID", "KILL", "NET_BIND_SERVICE"}

// The bounds of a container's log on the engine.
const (
	logSize  = "10m"
	logFiles = "2"
	stopWait = 10 // seconds until a container that is told to end is killed
)

// Lasting makes long-lived containers on an engine.
type Lasting struct{ *Engine }

var _ lasting.Engine = Lasting{}

// Make makes a container and starts it.
func (l Lasting) Make(ctx context.Context, p lasting.Plan) error {
	img, err := l.Image(ctx, p.Image)
	if err != nil {
		return err
	}
	owner := Owner{Kind: KindContainer, Sandbox: api.SandboxID(p.ID), Borrower: p.Borrower, Lease: api.LeaseID(p.ID)}
	// What fills the volume is a task's, so that it is swept if it is left behind.
	filler := owner
	filler.Kind = KindTask
	agent, err := l.agentMount(ctx, Box{Owner: filler, Image: img})
	if err != nil {
		return err
	}
	argv, err := holdCommand(img, p)
	if err != nil {
		return err
	}
	box := Box{Owner: owner, Image: img, Init: true, Writable: true, Network: p.Network, Cap: p.Cap, Pids: int64(p.MaxProcs),
		Tmpfs: map[string]string{session.NoteDir: "size=64k,mode=755"}}
	net, err := l.network(ctx, box, p.Hostname, agent)
	if err != nil {
		return err
	}
	h := l.hostConfig(box, agent)
	h.CapAdd = capabilities
	h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logSize, "max-file": logFiles}}
	c := &container.Config{
		Image: img.ID, Entrypoint: argv, Cmd: []string{}, User: agentUser, Env: p.Env, Hostname: p.Hostname, Labels: l.labels(owner),
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	net.apply(c, h)
	var made client.ContainerCreateResult
	err = l.withGPUs(ctx, p.Cap.GPU, c, h, func() (err error) {
		made, err = l.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: l.name(owner.Sandbox), Config: c, HostConfig: h})
		return err
	})
	if err != nil {
		return errors.Join(l.explain(err), net.close(context.WithoutCancel(ctx)))
	}
	if _, err := l.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return errors.Join(l.explain(err), l.removeGuest(context.WithoutCancel(ctx), made.ID, owner.Sandbox))
	}
	return nil
}

// agentUser is root in the container: only root becomes the image's user for a
// main command and another one for a session. It has [capabilities] and no more,
// of which the kernel takes every one when a program starts as somebody else.
const agentUser = "0:0"

// holdConfig is the place of the agent's configuration in what holdCommand says.
const holdConfig = 3

// holdCommand is the agent with the main command: what was asked for after the
// image's entrypoint, else the image's own command.
func holdCommand(img Image, p lasting.Plan) ([]string, error) {
	cfg := session.Config{User: img.User}
	for _, kv := range append(img.Env[:len(img.Env):len(img.Env)], p.Env...) {
		if home, ok := strings.CutPrefix(kv, "HOME="); ok {
			cfg.Home = home
		}
	}
	arg, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	asked := p.Command
	if len(asked) == 0 {
		asked = img.Cmd
	}
	return slices.Concat([]string{AgentPath, "agent", session.ModeHold, string(arg)}, img.Entrypoint, asked), nil
}

// Start starts a stopped container.
func (l Lasting) Start(ctx context.Context, id api.ContainerID) error {
	got, err := l.api.ContainerInspect(ctx, l.on(id), client.ContainerInspectOptions{})
	if err != nil {
		return l.explain(err)
	}
	if h := got.Container.HostConfig; h != nil {
		if err := l.renew(ctx, api.SandboxID(id), h.NetworkMode); err != nil {
			return err
		}
	}
	_, err = l.api.ContainerStart(ctx, l.on(id), client.ContainerStartOptions{})
	return l.explain(err)
}

// Stop tells a container's main command to end, and then kills.
func (l Lasting) Stop(ctx context.Context, id api.ContainerID) error {
	wait := stopWait
	if _, err := l.api.ContainerStop(ctx, l.on(id), client.ContainerStopOptions{Timeout: &wait}); err != nil {
		return l.explain(err)
	}
	return l.rest(ctx, api.SandboxID(id))
}

// Freeze and Thaw stop and continue everything in a container, memory stays.
func (l Lasting) Freeze(ctx context.Context, id api.ContainerID) error {
	_, err := l.api.ContainerPause(ctx, l.on(id), client.ContainerPauseOptions{})
	return l.explain(err)
}

// Thaw undoes Freeze.
func (l Lasting) Thaw(ctx context.Context, id api.ContainerID) error {
	_, err := l.api.ContainerUnpause(ctx, l.on(id), client.ContainerUnpauseOptions{})
	return l.explain(err)
}

// Remove kills a container and removes all of it; one that is gone is no error.
func (l Lasting) Remove(ctx context.Context, id api.ContainerID) error {
	return l.explain(l.removeGuest(ctx, l.on(id), api.SandboxID(id)))
}

// List is every long-lived container of this node, running or not.
func (l Lasting) List(ctx context.Context) ([]lasting.Found, error) {
	got, err := l.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: l.mine(KindContainer)})
	if err != nil {
		return nil, l.explain(err)
	}
	var found []lasting.Found
	guests := map[string]bool{}
	for _, c := range got.Items {
		if c.Labels[labelHolder] != "" {
			continue
		}
		guests[c.Labels[LabelSandbox]] = true
		found = append(found, lasting.Found{ID: api.ContainerID(c.Labels[LabelSandbox]),
			Running: c.State == container.StateRunning || c.State == container.StatePaused, Paused: c.State == container.StatePaused})
	}
	for _, c := range got.Items {
		if of := c.Labels[labelHolder]; of != "" && !guests[of] {
			found = append(found, lasting.Found{ID: api.ContainerID(of), Rest: true})
		}
	}
	return found, nil
}

// Usage is what a running container uses now and has used since it was started.
func (l Lasting) Usage(ctx context.Context, id api.ContainerID) (u lasting.Usage, err error) {
	s, err := l.stats(ctx, l.on(id))
	if err != nil {
		return u, l.explain(err)
	}
	u.CPUTime = time.Duration(s.CPUStats.CPUUsage.TotalUsage)
	u.Memory = int64(s.MemoryStats.Usage)
	for _, cache := range []string{"total_inactive_file", "inactive_file"} { // cgroup v1 and v2
		if n, ok := s.MemoryStats.Stats[cache]; ok {
			u.Memory = max(0, u.Memory-int64(n))
			break
		}
	}
	u.Procs = int(s.PidsStats.Current)
	if len(s.Networks) == 0 { // it has none, or that of a holder
		held, err := l.stats(ctx, l.holder(api.SandboxID(id)))
		if err := ignoreMissing(err); err != nil {
			return u, l.explain(err)
		}
		s.Networks = held.Networks
	}
	for _, n := range s.Networks {
		u.In, u.Out = u.In+int64(n.RxBytes), u.Out+int64(n.TxBytes)
	}
	return u, nil
}

func (l Lasting) stats(ctx context.Context, name string) (s container.StatsResponse, err error) {
	res, err := l.api.ContainerStats(ctx, name, client.ContainerStatsOptions{})
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	return s, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&s)
}

// Disk is how many bytes a container has written to its root.
func (l Lasting) Disk(ctx context.Context, id api.ContainerID) (int64, error) {
	got, err := l.api.ContainerInspect(ctx, l.on(id), client.ContainerInspectOptions{Size: true})
	if err != nil || got.Container.SizeRw == nil {
		return 0, l.explain(err)
	}
	return *got.Container.SizeRw, nil
}

// Logs hands out what the main command printed, and with follow what it prints
// until the container stops.
func (l Lasting) Logs(ctx context.Context, id api.ContainerID, follow bool, tail int, stdout, stderr io.Writer) error {
	o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow, Tail: "all"}
	if tail > 0 {
		o.Tail = itoa(tail)
	}
	r, err := l.api.ContainerLogs(ctx, l.on(id), o)
	if err != nil {
		return l.explain(err)
	}
	defer r.Close()
	_, err = stdcopy.StdCopy(stdout, stderr, r)
	return l.explain(err)
}

// nearWithin bounds how long a new agent, on its share of the processor, may take to
// say that it is there.
const nearWithin = 2 * time.Second

// Sessions starts the agent's mode for sessions in a container and connects to it.
func (l Lasting) Sessions(ctx context.Context, id api.ContainerID) (*session.Mux, error) {
	got, err := l.api.ContainerInspect(ctx, l.on(id), client.ContainerInspectOptions{})
	if err != nil {
		return nil, l.explain(err)
	}
	if got.Container.Config == nil || len(got.Container.Config.Entrypoint) <= holdConfig {
		return nil, api.Errorf(api.KindInternal, "container %s was not made by this program", id)
	}
	arg := got.Container.Config.Entrypoint[holdConfig]
	made, err := l.api.ExecCreate(ctx, l.on(id), client.ExecCreateOptions{User: agentUser, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Cmd: []string{AgentPath, "agent", session.ModeSession, arg}})
	if err != nil {
		return nil, l.explain(err)
	}
	// The connection outlives the call that asked for it first.
	att, err := l.api.ExecAttach(context.WithoutCancel(ctx), made.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, l.explain(err)
	}
	c := &conn{hijacked: att.HijackedResponse}
	m, err := session.Connect(session.Conn{ReadCloser: io.NopCloser(c), WriteCloser: c})
	if err != nil {
		return nil, err
	}
	// Where that cannot be had, or not soon, the engine carries everything.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.near)
	defer cancel()
	_ = m.Shorten(ctx, func() (int, error) { return l.agentOf(ctx, made.ID, got.Container.ID) })
	return m, nil
}

// agentOf is the process of an agent that was executed in a container, where that is
// on this machine.
func (l Lasting) agentOf(ctx context.Context, exec, container string) (int, error) {
	how, err := l.api.ExecInspect(ctx, exec, client.ExecInspectOptions{})
	if err != nil {
		return 0, err
	}
	return how.PID, here(how.PID, container)
}

// here tells that an agent's process is one of this machine.
func here(pid int, container string) error {
	elsewhere := fmt.Errorf("the engine is elsewhere: process %d is another here", pid)
	g := cgroup.Of(pid, container)
	if g == nil {
		return elsewhere
	}
	g.Close()
	if exe, err := os.Readlink("/proc/" + itoa(pid) + "/exe"); err != nil || exe != AgentPath {
		return elsewhere
	}
	return nil
}

// on is a container's name on the engine.
func (l Lasting) on(id api.ContainerID) string { return l.name(api.SandboxID(id)) }
