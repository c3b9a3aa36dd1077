package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// Room is a sandbox's place on disk.
//
//	ID/root   empty; the box's root is mounted here in the box's own namespace
//	ID/work   tasks run in a folder of it
//	ID/stage  inputs
//	ID/tmp    the box's /tmp
//	ID/agent  number and identity of the agent process, for Recover
//
// Beside the rooms, .gone holds those that wait to be deleted: a folder of many
// files takes a minute, in which the next sandbox need not wait.
type Room struct{ dir string }

const goneName = ".gone"

// Root is the folder that the box's root may be mounted on.
func (r Room) Root() string { return filepath.Join(r.dir, "root") }

// Work is the folder that tasks run in.
func (r Room) Work() string { return filepath.Join(r.dir, "work") }

// Stage is where the agent keeps inputs.
func (r Room) Stage() string { return filepath.Join(r.dir, "stage") }

// Tmp is the box's /tmp.
func (r Room) Tmp() string { return filepath.Join(r.dir, "tmp") }

func makeRoom(parent string, id api.SandboxID, tier nsbox.Tier) (Room, error) {
	if !fs.ValidPath(string(id)) || strings.ContainsAny(string(id), `/\`) || id == "." {
		return Room{}, api.Errorf(api.KindInvalid, "sandbox id %q is no name", id)
	}
	r := Room{dir: filepath.Join(parent, string(id))}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return r, err
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return r, err
	}
	uid := nsbox.HostUID(tier, string(id))
	for _, d := range []string{r.Root(), r.Work(), r.Stage(), r.Tmp()} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return r, errors.Join(err, r.remove())
		}
		if uid != os.Geteuid() && d != r.Root() {
			if err := os.Chown(d, uid, uid); err != nil {
				return r, errors.Join(err, r.remove())
			}
		}
	}
	return r, nil
}

// mark writes down who lives here.
func (r Room) mark(pid int) error {
	return os.WriteFile(filepath.Join(r.dir, "agent"), []byte(fmt.Sprintf("%d %s", pid, proctree.Identity(pid))), 0o600)
}

// resident is the agent of an earlier node, 0 if it is gone.
func (r Room) resident() int {
	b, err := os.ReadFile(filepath.Join(r.dir, "agent"))
	if err != nil {
		return 0
	}
	num, identity, _ := strings.Cut(string(b), " ")
	pid, err := strconv.Atoi(num)
	if err != nil || pid <= 1 || identity == "" || proctree.Identity(pid) != identity {
		return 0
	}
	return pid
}

// remove takes the room out of the way at once; Tidy deletes it.
func (r Room) remove() error {
	gone := filepath.Join(filepath.Dir(r.dir), goneName)
	if err := os.MkdirAll(gone, 0o700); err != nil {
		return err
	}
	to, err := os.MkdirTemp(gone, "")
	if err != nil {
		return err
	}
	return ignoreMissing(os.Rename(r.dir, filepath.Join(to, "room")))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
