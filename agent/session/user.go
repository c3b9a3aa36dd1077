package session

import (
	"cmp"
	"os"
	"os/user"
	"slices"
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
	name     string // empty: the container's files do not name it
}

// lookUp finds a user as an engine writes it: "", name or number, with a group
// after a colon, which then is the only one. Numbers need no entry in the
// container's files, nor does root.
func lookUp(spec string) (account, error) {
	name, group, _ := strings.Cut(spec, ":")
	if name == "" || name == "root" { // also where the container has no file of users
		name = "0"
	}
	a := account{home: "/"}
	u, err := user.Lookup(name)
	if n, nerr := strconv.ParseUint(name, 10, 31); nerr == nil {
		a.uid = int(n)
		u, err = user.LookupId(name)
	} else if err != nil {
		return a, api.Errorf(api.KindNotFound, "the container has no user %q", session.Clean(name))
	}
	if err == nil {
		a.uid, a.gid, a.home, a.name = number(u.Uid), number(u.Gid), u.HomeDir, u.Username
	}
	if group == "" {
		if err == nil {
			a.groups = groupsOf(u)
		}
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

func groupsOf(u *user.User) (groups []uint32) {
	ids, _ := u.GroupIds() // a container without a file of groups has none
	for _, id := range ids {
		groups = append(groups, uint32(number(id)))
	}
	return groups
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // the system's own files
	return n
}

// give makes who the owner of streams, so that a program can open /dev/stdout
// anew. One that has no other use for them does not mind where it fails.
func (a account) give(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Chown(a.uid, -1)
		}
	}
}

// environ is the container's environment for who.
func environ(c Config, who account) []string {
	return set(os.Environ(), "HOME="+cmp.Or(c.Home, who.home))
}

// set puts NAME=VALUE into an environment.
func set(env []string, kv string) []string {
	name, _, _ := strings.Cut(kv, "=")
	env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	return append(env, kv)
}
