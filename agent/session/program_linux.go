package session

import (
	"bufio"
	"cmp"
	"os"
	"path"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// program is what a request has executed.
func (g *guest) program(req session.Request, who account) (start, error) {
	s := start{Args: req.Args, Dir: req.Cwd, TTY: req.Term != "", User: who.credential()}
	env := environ(g.cfg, who)
	switch req.Kind {
	case session.KindShell:
		sh := who.shell()
		s.Leave = true // as an sshd does: services are started so
		s.Args, s.Dir = append([]string{sh, "-c"}, req.Args...), who.folder()
		if len(req.Args) == 0 {
			s.Args = []string{sh, "-l"}
		}
		env = set(env, "SHELL="+sh)
		if who.name != "" {
			env = set(set(env, "USER="+who.name), "LOGNAME="+who.name)
		}
	case session.KindSFTP:
		s.Args, s.Dir = []string{"/proc/self/exe", "agent", ModeSFTP}, who.folder()
	}
	if len(s.Args) == 0 || s.Args[0] == "" {
		return s, api.Errorf(api.KindInvalid, "a command without a program")
	}
	if req.Term != "" {
		env = set(env, "TERM="+req.Term)
	}
	for _, kv := range req.Env {
		env = set(env, kv)
	}
	s.Env = env
	dir, err := absolute(cmp.Or(s.Dir, "."))
	s.Dir = dir
	return s, err
}

// folder is the home, where there is one.
func (a account) folder() string {
	if info, err := os.Stat(a.home); err != nil || !info.IsDir() {
		return "/"
	}
	return a.home
}

// shell is what the container's users' file says. Who has none there, one that is
// not there, or one that lets nobody in, gets the system's.
func (a account) shell() string {
	const system = "/bin/sh"
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return system
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); a.name != "" && lines.Scan(); {
		field := strings.Split(lines.Text(), ":")
		if len(field) != 7 || field[0] != a.name {
			continue
		}
		_, err := os.Stat(field[6])
		if name := path.Base(field[6]); err != nil || name == "nologin" || name == "false" {
			return system
		}
		return field[6]
	}
	return system
}
