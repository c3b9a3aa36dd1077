package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	"github.com/kardianos/service"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The service managers that a node is handed to.
const (
	systemd = "linux-systemd"
	launchd = "darwin-launchd"
)

// bootService is a home's node as something that starts with the machine: of the
// user, or of the whole system where the user is root.
type bootService struct {
	service.Service
	name string
	user bool
}

// newBootService describes the service to the machine's manager.
func (a *app) newBootService(manager, home string, port int, ofUser bool) (*bootService, error) {
	if manager != systemd && manager != launchd {
		return nil, api.Errorf(api.KindUnsupported, "this machine has no service manager that p2prc knows (it knows systemd and launchd)").
			WithHint("have whatever starts programs here, a task scheduler or an init script, start: %s up --home %s", a.env.Program, home)
	}
	// Several homes are several services.
	sum := sha256.Sum256([]byte(home))
	name := "p2prc-" + hex.EncodeToString(sum[:4])
	args := []string{"up", "--home", home}
	if port != 0 {
		args = append(args, "--port", strconv.Itoa(port))
	}
	program := a.env.Program
	if manager == systemd { // which takes these two for more than they are
		escape := strings.NewReplacer("%", "%%", "$", "$$").Replace
		program = escape(program)
		for i := range args {
			args[i] = escape(args[i])
		}
	}
	target := "multi-user.target"
	if ofUser {
		target = "default.target"
	}
	s, err := service.New(nil, &service.Config{
		Name: name, DisplayName: "P2PRC", Description: "P2PRC node in " + home, Executable: program, Arguments: args,
		Option: service.KeyValue{"UserService": ofUser, "SystemdScript": strings.ReplaceAll(systemdUnit, "TARGET", target), "LaunchdConfig": launchdPlist},
	})
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	return &bootService{s, name, ofUser}, nil
}

// install has the manager start the node now and with the machine.
func (a *app) install(ctx context.Context, b *bootService) error {
	if b.user && service.Platform() == systemd {
		if err := exec.CommandContext(ctx, "systemctl", "--user", "show-environment").Run(); err != nil {
			return api.Errorf(api.KindUnavailable, "this user has no systemd of its own running: %w", err).
				WithHint("run it in a login session of the user; on a machine without one, first: sudo loginctl enable-linger %s", userName())
		}
	}
	if _, err := b.Status(); !errors.Is(err, service.ErrNotInstalled) {
		return api.Errorf(api.KindConflict, "the service %s is installed already", b.name).WithHint("p2prc up --uninstall removes it")
	}
	if err := b.Install(); err != nil {
		return api.Errorf(api.KindInternal, "the service cannot be installed: %w", err).WithHint("p2prc up --uninstall removes what is left of it")
	}
	a.out.note("service %s is installed: the node starts with this machine", b.name)
	if b.user && service.Platform() == systemd {
		// Without it the user's services wait for a login.
		if err := exec.CommandContext(ctx, "loginctl", "enable-linger").Run(); err != nil {
			a.out.note("it waits until %s logs in; to start before that: sudo loginctl enable-linger %s", userName(), userName())
		}
	}
	client, err := a.node()
	if err != nil {
		return err
	}
	if st, err := client.Status(ctx); err == nil {
		a.out.note("the node that runs now, process %d, goes on; p2prc down ends it", st.PID)
		return nil
	}
	if err := b.Start(); err != nil {
		return api.Errorf(api.KindInternal, "the service is installed but does not start: %w", err).WithHint("its log says why; p2prc up --uninstall removes it")
	}
	return nil
}

// uninstall ends the service and removes it; the home stays.
func (a *app) uninstall(b *bootService) error {
	if _, err := b.Status(); errors.Is(err, service.ErrNotInstalled) {
		return api.Errorf(api.KindNotFound, "the service %s is not installed", b.name).WithHint("each home has its own: give the one it was installed for, with --home or P2PRC")
	}
	stopped := b.Stop()
	if err := b.Uninstall(); err != nil {
		return api.Errorf(api.KindInternal, "the service cannot be removed: %w", errors.Join(stopped, err))
	}
	a.out.note("service %s is removed; the home stays", b.name)
	return nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// systemdUnit lets the node limit and end its own guests, and leaves a node alone
// that its owner stopped.
const systemdUnit = `[Unit]
Description={{.Description}}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={{.Path|cmdEscape}}{{range .Arguments}} {{.|cmd}}{{end}}
Restart=on-failure
RestartSec=10
KillMode=mixed
Delegate=yes

[Install]
WantedBy=TARGET
`

const launchdPlist = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{{html .Name}}</string>
	<key>ProgramArguments</key>
	<array>
		<string>{{html .Path}}</string>
		{{range .Arguments}}<string>{{html .}}</string>
		{{end}}
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>StandardErrorPath</key>
	<string>{{html .StandardErrorPath}}</string>
</dict>
</plist>
`
