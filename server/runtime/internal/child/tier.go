package child

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
)

// Tiers finds the best box that works here, once.
type Tiers struct {
	Agent []string
	Dir   string                        // for the trial boxes
	Only  nsbox.Tier                    // not empty: try this one alone
	Box   func(nsbox.Tier) nsbox.Config // what all boxes have, so that the trial is true

	mu      sync.Mutex // guards the rest
	found   nsbox.Tier
	missing []string
}

// Best is the best tier, and why the better ones do not work.
func (t *Tiers) Best(ctx context.Context) (nsbox.Tier, []string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.found != "" {
		return t.found, t.missing, nil
	}
	var missing []string
	for _, tier := range []nsbox.Tier{nsbox.Namespaces, nsbox.Landlock} {
		if t.Only != "" && t.Only != tier {
			continue
		}
		if !nsbox.Supported {
			missing = append(missing, string(tier)+": only on Linux")
			continue
		}
		err := t.try(ctx, tier)
		if ctx.Err() != nil {
			return "", nil, ctx.Err()
		}
		if err == nil {
			t.found, t.missing = tier, missing
			return tier, missing, nil
		}
		missing = append(missing, fmt.Sprintf("%s: %v", tier, err))
	}
	t.found, t.missing = nsbox.None, missing
	return nsbox.None, missing, nil
}

func (t *Tiers) try(ctx context.Context, tier nsbox.Tier) error {
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return err
	}
	root, err := os.MkdirTemp(t.Dir, "probe-*")
	if err != nil {
		return err
	}
	defer os.Remove(root) // the trial's mounts were in a namespace that is gone
	box := t.Box(tier)
	box.Tier, box.Root = tier, root
	return Probe(ctx, Launch{Agent: t.Agent, Name: "probe", Box: box})
}

// Loader shows what the agent's executable needs to start, if it is linked
// dynamically; an empty box has no libraries.
func Loader(agent []string) []nsbox.Bind {
	if len(agent) == 0 {
		return nil
	}
	p, err := exec.LookPath(agent[0])
	if err != nil {
		return nil
	}
	f, err := elf.Open(p)
	if err != nil {
		return nil
	}
	defer f.Close()
	for _, prog := range f.Progs {
		if prog.Type != elf.PT_INTERP {
			continue
		}
		var out []nsbox.Bind
		for _, d := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"} {
			out = append(out, nsbox.Bind{Source: d, Optional: true})
		}
		return out
	}
	return nil
}

// Prefix names the control groups of one runtime of one home.
func Prefix(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	sum := sha256.Sum256([]byte(abs))
	return "p2prc-" + hex.EncodeToString(sum[:6])
}
