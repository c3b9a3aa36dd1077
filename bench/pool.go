package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// node is a home with its running p2prc.
type node struct {
	binary, home string
	proc         *exec.Cmd
	api          *api.Client
}

// newNode prepares a home on loopback; lends says what it lends ("" nothing).
func (b *bench) newNode(name, lends string) (*node, error) {
	home := filepath.Join(b.dir, name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	n := &node{binary: b.binary, home: home, api: api.NewClient(filepath.Join(home, "p2prc.sock"))}
	settings := [][2]string{{"name", name}, {"listen.hosts", "127.0.0.1"}, {"mdns", "false"}}
	if lends == "" {
		settings = append(settings, [2]string{"lend.enabled", "false"})
	} else {
		settings = append(settings, [2]string{"lend.limits.runtimes", lends},
			[2]string{"lend.policy", `[{"subject":"*","action":"run","resource":"*","allow":true}]`})
	}
	for _, kv := range settings {
		if _, err := n.run("config", "set", kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// up starts the node and says how long it took to its first answer.
func (n *node) up(ctx context.Context) (time.Duration, error) {
	log, err := os.Create(filepath.Join(n.home, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	n.proc = exec.CommandContext(ctx, n.binary, "up")
	n.proc.Env, n.proc.Stdout, n.proc.Stderr = n.env(), log, log
	n.proc.Cancel = func() error { return n.proc.Process.Signal(syscall.SIGTERM) }
	start := time.Now()
	if err := n.proc.Start(); err != nil {
		return 0, err
	}
	for {
		if _, err := n.api.Status(ctx); err == nil {
			return time.Since(start), nil
		} else if api.KindOf(err) != api.KindNotRunning || time.Since(start) > 20*time.Second {
			return 0, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (n *node) stop() {
	if n.proc != nil {
		_ = n.proc.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = n.proc.Wait()
	}
}

func (n *node) env() []string { return append(os.Environ(), "P2PRC="+n.home) }

func (n *node) run(args ...string) (string, error) {
	cmd := exec.Command(n.binary, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = n.env(), &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("p2prc %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// pool starts a borrower that lends nothing and two nodes that lend.
func (b *bench) pool(ctx context.Context, lends string) (borrower *node, stop func(), err error) {
	var all []*node
	stop = func() {
		for _, n := range all {
			n.stop()
		}
	}
	for i, what := range []string{"", lends, lends} {
		n, err := b.newNode(fmt.Sprintf("%s%d", lends, i), what)
		if err != nil {
			stop()
			return nil, nil, err
		}
		if i > 0 {
			if err := n.join(all[0]); err != nil {
				stop()
				return nil, nil, err
			}
		}
		if _, err := n.up(ctx); err != nil {
			stop()
			return nil, nil, err
		}
		all = append(all, n)
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		peers, err := all[0].api.Peers(ctx)
		lenders := 0
		for _, p := range peers {
			if p.State == api.PeerAlive && len(p.Runtimes) > 0 {
				lenders++
			}
		}
		if lenders == 2 {
			return all[0], stop, nil
		}
		if err != nil || time.Since(start) > 20*time.Second {
			stop()
			return nil, nil, errors.Join(errors.New("the pool did not come together"), err)
		}
	}
}

// join goes into the network of another, which is up.
func (n *node) join(inviter *node) error {
	token, err := inviter.run("invite")
	if err != nil {
		return err
	}
	_, err = n.run("join", token)
	return err
}

// runJob submits a job, waits for its end and gives its tasks per second.
func (n *node) runJob(ctx context.Context, spec api.JobSpec, tasks int) (id api.JobID, rate float64, err error) {
	spec.Each = []api.Axis{{Name: "n", From: 1, To: int64(tasks)}}
	start := time.Now()
	job, err := n.api.SubmitJob(ctx, spec)
	if err != nil {
		return "", 0, err
	}
	for !job.State.Terminal() {
		time.Sleep(5 * time.Millisecond)
		d, err := n.api.Job(ctx, job.ID)
		if err != nil {
			return "", 0, err
		}
		job = d.Job
	}
	took := time.Since(start)
	if job.State != api.JobDone || job.Tasks.Done != int64(tasks) {
		return "", 0, fmt.Errorf("job ended %s with %+v: %s", job.State, job.Tasks, job.Reason)
	}
	return job.ID, float64(tasks) / took.Seconds(), nil
}
