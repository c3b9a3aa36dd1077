package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// withSystemd makes a machine that seems to have systemd: its programs only
// write down how they were called. systemctl says that a unit is there when its file is.
func withSystemd(t *testing.T) (units, calls string) {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	units, calls = filepath.Join(home, ".config/systemd/user"), filepath.Join(bin, "calls")
	script := "#!/bin/sh\necho $(basename $0) $* >>" + calls + "\ncase $1 in is-active) ls " + units + "/*.service >/dev/null 2>&1 && echo active;; esac\nexit 0\n"
	for _, name := range []string{"systemctl", "loginctl", "rpm-ostree"} { // by the last the library knows systemd
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	service.ChooseSystem(service.AvailableSystems()...) // it looks at PATH
	if service.Platform() != systemd {
		t.Fatalf("the manager is %q", service.Platform())
	}
	return units, calls
}

func TestInstallWritesAUserUnit(t *testing.T) {
	units, calls := withSystemd(t)
	w := newWorld(t)
	a := newApp(w.environment(), w.deps)
	a.home = w.home
	a.env.Program = "/opt/100% mine/p2prc"
	b, err := a.newBootService(systemd, w.home, 4101, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.uninstall(b); api.KindOf(err) != api.KindNotFound {
		t.Fatalf("removing what is not there: %v", err)
	}
	if err := os.Remove(calls); err != nil {
		t.Fatal(err)
	}
	if err := a.install(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile(filepath.Join(units, b.name+".service"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`[Unit]
Description=P2PRC node in HOME
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/opt/100%%\x20mine/p2prc "up" "--home" "HOME" "--port" "4101"
Restart=on-failure
RestartSec=10
KillMode=mixed
Delegate=yes

[Install]
WantedBy=default.target
`, "HOME", w.home)
	if string(unit) != want {
		t.Errorf("the unit is\n%s\nwant\n%s", unit, want)
	}
	done, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"systemctl enable --user " + b.name + ".service", "systemctl daemon-reload --user", "loginctl enable-linger", "systemctl start --user " + b.name + ".service"} {
		if !strings.Contains(string(done), call+"\n") {
			t.Errorf("%q is not among\n%s", call, done)
		}
	}
	if err := a.install(t.Context(), b); api.KindOf(err) != api.KindConflict || api.HintOf(err) == "" {
		t.Errorf("installed twice: %v", err)
	}
	if err := a.uninstall(b); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(units); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestEachHomeIsAServiceOfItsOwn(t *testing.T) {
	withSystemd(t)
	w := newWorld(t)
	a := newApp(w.environment(), w.deps)
	one, err := a.newBootService(systemd, "/home/a", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.newBootService(systemd, "/home/b", 0, false)
	if err != nil || one.name == two.name {
		t.Errorf("both are %s, %v", one.name, err)
	}
}

func TestNoServiceManager(t *testing.T) {
	w := newWorld(t)
	a := newApp(w.environment(), w.deps)
	for _, manager := range []string{"", "unix-systemv", "windows-service"} {
		_, err := a.newBootService(manager, "/home/a", 0, true)
		if api.KindOf(err) != api.KindUnsupported || !strings.Contains(api.HintOf(err), "up --home /home/a") {
			t.Errorf("on %q: %v, hint %q", manager, err, api.HintOf(err))
		}
	}
	w.want(2, "", "three different things", "up", "--install", "--uninstall")
}
