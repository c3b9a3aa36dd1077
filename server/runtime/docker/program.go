package docker

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// program is the executable that becomes the agent in a container: p2prc itself,
// which must be linked statically, for an image may hold nothing at all.
type program struct {
	path string
	arch string
	size int64
	hash string
}

// machines are the architectures in the engine's words and in the executable's.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "386": elf.EM_386, "arm": elf.EM_ARM, "riscv64": elf.EM_RISCV, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390}

// findProgram finds the agent for the engine's system, once.
func (e *Engine) findProgram(ctx context.Context) (*program, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.program != nil {
		return e.program, nil
	}
	v, err := e.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, e.explain(err)
	}
	if v.Os != "linux" {
		return nil, api.Errorf(api.KindUnsupported, "the container engine runs %s containers", v.Os).WithHint("p2prc needs an engine of linux containers")
	}
	p, err := e.locate(v.Arch)
	if err != nil {
		return nil, err
	}
	e.program = p
	return p, nil
}

func (e *Engine) locate(arch string) (*program, error) {
	beside := filepath.Join(e.cfg.Home, "p2prc-linux-"+arch)
	var path string
	switch {
	case len(e.cfg.Agent) == 0:
		return nil, api.Errorf(api.KindUnsupported, "there is no agent to put into containers")
	case goruntime.GOOS == "linux" && goruntime.GOARCH == arch:
		var err error
		if path, err = exec.LookPath(e.cfg.Agent[0]); err != nil {
			return nil, api.Errorf(api.KindInternal, "the agent's program: %w", err)
		}
	default:
		path = beside
	}
	p, err := readProgram(path, arch)
	if err != nil {
		return nil, api.Errorf(api.KindUnsupported, "there is no agent for containers of linux/%s: %w", arch, err).
			WithHint("build it (CGO_ENABLED=0 GOOS=linux GOARCH=%s go build -o %s ./cmd/p2prc) and start the node again", arch, beside)
	}
	return p, nil
}

// readProgram looks at an executable and hashes it.
func readProgram(path, arch string) (*program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	exe, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	if exe.Machine != machines[arch] {
		return nil, api.Errorf(api.KindUnsupported, "%s is built for %s", path, exe.Machine)
	}
	for _, p := range exe.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, api.Errorf(api.KindUnsupported, "%s is not linked statically", path)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	return &program{path: path, arch: arch, size: n, hash: hex.EncodeToString(h.Sum(nil))}, nil
}

// suits refuses images for other machines.
func (p *program) suits(img Image) error {
	if img.OS == "linux" && img.Arch == p.arch {
		return nil
	}
	return api.Errorf(api.KindUnsupported, "the image is for %s/%s, this machine runs linux/%s", img.OS, img.Arch, p.arch)
}
