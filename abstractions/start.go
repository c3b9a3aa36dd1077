package abstractions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/node"
)

// std is the program's node.
var std embedded

// embedded is a node in a program that is not p2prc.
type embedded struct {
	mu      sync.Mutex // guards what follows
	home    string     // set by Init
	running *running   // nil: not started
}

// running is a started node.
type running struct {
	stop   context.CancelFunc
	done   chan struct{} // closed when the node and the routes have ended
	err    error         // how it ended; read after done
	client *api.Client
	routes *Routes
}

// Init chooses the home, $P2PRC or ~/.p2prc, and returns its settings. With a
// customConfig it changes them first, in the home's config.json:
//
//   - nil changes nothing;
//   - a config.Config or *config.Config replaces them;
//   - a func(*config.Config) edits them;
//   - anything else is read as JSON over them, so that
//     map[string]any{"name": "studio"} changes the name. A key that
//     config.json does not know is KindInvalid.
//
// Settings that make no sense are KindInvalid and change nothing.
func Init(customConfig any) (*config.Config, error) { return std.init(customConfig) }

func (e *embedded) init(custom any) (*config.Config, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running != nil {
		return nil, api.Errorf(api.KindConflict, "the node runs already").WithHint("call Init before Start")
	}
	home, err := config.Home(os.Getenv)
	if err != nil {
		return nil, err
	}
	file, err := config.Open(home, os.Getenv)
	if err != nil {
		return nil, err
	}
	if custom != nil {
		if err := file.Update(func(c *config.Config) error { return change(c, custom) }); err != nil {
			return nil, err
		}
	}
	e.home = home
	c := file.Get()
	return &c, nil
}

func change(c *config.Config, custom any) error {
	switch v := custom.(type) {
	case config.Config:
		*c = v
	case *config.Config:
		*c = *v
	case func(*config.Config):
		v(c)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return api.Errorf(api.KindInvalid, "the custom settings have no JSON form: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(c); err != nil {
			return api.Errorf(api.KindInvalid, "the custom settings do not fit config.json: %w", err).WithHint("p2prc config get shows the keys")
		}
	}
	return nil
}

// Start runs the node of the home in the background and comes back when it is
// ready. The value is where the program adds HTTP routes of its own. The node
// goes on working whatever the calling goroutine does next, even spin. Its log
// is the file p2prc.log in the home.
//
// KindConflict when a node runs in this home already, here or in another process.
func Start() (*Routes, error) { return std.start() }

func (e *embedded) start() (*Routes, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running != nil {
		select {
		case <-e.running.done: // it has ended by itself or by p2prc down
		default:
			return nil, api.Errorf(api.KindConflict, "the node runs already").WithHint("call Stop first")
		}
	}
	if e.home == "" {
		home, err := config.Home(os.Getenv)
		if err != nil {
			return nil, err
		}
		e.home = home
	}
	r, err := launch(e.home)
	if err != nil {
		return nil, err
	}
	e.running = r
	return r.routes, nil
}

// launch starts everything and waits until the node is ready.
func launch(home string) (_ *running, err error) {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, api.Errorf(api.KindInvalid, "the home cannot be made: %w", err).WithHint("set P2PRC to a folder that you may write to")
	}
	file, err := config.Open(home, os.Getenv)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(filepath.Join(home, config.LogName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the log cannot be written: %w", err)
	}
	settings := file.Get()
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: settings.Level()}))
	agent := findAgent(home)
	if agent == nil {
		log.Warn("no p2prc on PATH or in the home: this node lends nothing")
	}
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.New(ctx, node.Options{Home: home, Log: log, Version: Version, Agent: agent, Getenv: os.Getenv})
	if err != nil {
		stop()
		return nil, errors.Join(err, out.Close())
	}
	ln, err := listen()
	if err != nil {
		stop()
		return nil, errors.Join(err, n.Close(), out.Close())
	}
	r := &running{stop: stop, done: make(chan struct{}), client: n.Client(), routes: newRoutes(ln)}
	go func() {
		defer close(r.done)
		r.err = errors.Join(r.run(ctx, n), out.Close())
	}()
	select {
	case <-n.Ready():
		return r, nil
	case <-r.done:
		return nil, r.err
	}
}

// run is the node and the routes; when one of them ends the other is ended.
func (r *running) run(ctx context.Context, n *node.Node) error {
	served := make(chan error, 1)
	go func() {
		err := r.routes.serve()
		r.stop()
		served <- err
	}()
	err := n.Run(ctx)
	r.stop()
	return errors.Join(err, r.routes.close(), <-served)
}

// Stop ends the node that Start started and waits until all of it has ended.
// Without one it does nothing.
func Stop() error { return std.end() }

func (e *embedded) end() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running == nil {
		return nil
	}
	r := e.running
	e.running = nil
	r.stop()
	<-r.done
	r.client.Close()
	return r.err
}

// Version is what the node says it runs.
const Version = "embedded"

// findAgent is the command that becomes the agent in sandboxes: the p2prc on
// PATH, or one in the home. This program cannot be it.
func findAgent(home string) []string {
	name := "p2prc"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return []string{path, "agent"}
		}
	}
	if path, err := exec.LookPath(filepath.Join(home, name)); err == nil {
		return []string{path, "agent"}
	}
	return nil
}
