package session

import (
	"os/user"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// account is who a command runs as.
type account struct {
	uid, gid int
	groups   []uint32
	home     string
}

// lookUp finds a user as an engine writes it: "", name or number, with a group
// after a colon. Numbers need no entry in the container's files.
func lookUp(spec string) (account, error) {
	if spec == "" {
		spec = "0"
	}
	name, group, _ := strings.Cut(spec, ":")
	a := account{home: "/"}
	u, err := user.Lookup(name)
	if n, nerr := strconv.ParseUint(name, 10, 31); nerr == nil {
		a.uid = int(n)
		u, err = user.LookupId(name)
	} else if err != nil {
		return a, api.Errorf(api.KindNotFound, "the container has no user %q", session.Clean(name))
	}
	if err == nil {
		a.uid, a.gid, a.home = number(u.Uid), number(u.Gid), u.HomeDir
		if ids, err := u.GroupIds(); err == nil {
			for _, id := range ids {
				a.groups = append(a.groups, uint32(number(id)))
			}
		}
	}
	if group == "" {
		return a, nil
	}
	if n, err := strconv.ParseUint(group, 10, 31); err == nil {
		a.gid = int(n)
	} else if g, err := user.LookupGroup(group); err == nil {
		a.gid = number(g.Gid)
	} else {
		return a, api.Errorf(api.KindNotFound, "the container has no group %q", session.Clean(group))
	}
	return a, nil
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // the system's own files
	return n
}
