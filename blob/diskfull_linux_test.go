package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"lukechampine.com/blake3"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/store"
)

// inTmpfs, when set, tells this test binary to run fillDisk on a small disk
// mounted at the folder it names.
const inTmpfs = "P2PRC_TEST_TMPFS"

// TestDiskFull runs fillDisk in a mount namespace with a real disk of 4 MiB.
func TestDiskFull(t *testing.T) {
	ring.Need(t, "isolation", ring.Isolation())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), inTmpfs+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk() int {
	if err := onFullDisk(os.Getenv(inTmpfs)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func onFullDisk(dir string) (err error) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	db, err := store.Open(ctx, filepath.Join(dir, "state.db"), quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := Open(filepath.Join(dir, "blobs"), 0, db.Blobs(), quiet)
	if err != nil {
		return err
	}
	full := func(what string, err error) error {
		if api.KindOf(err) != api.KindQuota || api.HintOf(err) == "" {
			return fmt.Errorf("%s: %v (%s), want KindQuota with a hint", what, err, api.KindOf(err))
		}
		entries, rerr := os.ReadDir(s.tmp())
		if rerr != nil || len(entries) > 0 {
			return fmt.Errorf("%s left %d files, %w", what, len(entries), rerr)
		}
		return nil
	}
	_, err = s.Put(ctx, bytes.NewReader(random(1, 8<<20)))
	if err := full("a large blob", err); err != nil {
		return err
	}
	if err := fetchTooMuch(s, full); err != nil {
		return err
	}
	var kept []api.BlobID
	for i := 0; ; i++ { // small ones, until the index cannot grow
		info, err := s.Put(ctx, bytes.NewReader(random(uint64(i), InlineMax)))
		if err != nil {
			if err := full("a small blob", err); err != nil {
				return err
			}
			break
		}
		kept = append(kept, info.ID)
	}
	if len(kept) < 50 {
		return fmt.Errorf("only %d blobs of 8 KiB on a disk of 4 MiB", len(kept))
	}
	for _, id := range kept { // what was acknowledged is whole
		r, err := s.Reader(id)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := int64(len(kept)) * InlineMax; s.used != want || s.reserved != 0 {
		return fmt.Errorf("used %d, reserved %d; want %d and 0", s.used, s.reserved, want)
	}
	return nil
}

func fetchTooMuch(s *Store, full func(string, error) error) error {
	data := random(2, 8<<20)
	p := &pool{holders: map[api.PeerID]holder{}, dials: map[api.PeerID]int{}}
	defer p.end()
	p.add("h", honest(data))
	x := NewExchange(s, p, quiet)
	err := x.Fetch(context.Background(), blake3.Sum256(data), "h")
	return errors.Join(full("a fetched blob", err), x.close())
}
