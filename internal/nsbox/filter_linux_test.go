package nsbox

import (
	"testing"

	"golang.org/x/sys/unix"
)

// run interprets the few instructions the filter is made of.
func run(t *testing.T, p []unix.SockFilter, nr, arch uint32, arg0 uint64) uint32 {
	t.Helper()
	data := map[uint32]uint32{atNr: nr, atArch: arch, atArg0: uint32(arg0)}
	var acc uint32
	for pc := 0; pc < len(p); pc++ {
		in := p[pc]
		yes := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			v, ok := data[in.K]
			if !ok {
				t.Fatalf("load of %d", in.K)
			}
			acc = v
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = acc == in.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = acc >= in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = acc&in.K != 0
		default:
			t.Fatalf("instruction %#x", in.Code)
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("it runs off its end")
	return 0
}

func TestFilter(t *testing.T) {
	arch, ok := archToken()
	if !ok {
		if _, err := program(Namespaces); err == nil {
			t.Error("a filter for a processor nobody wrote one for")
		}
		return
	}
	const allow, eperm, enosys = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	for _, tier := range []Tier{Namespaces, Landlock} {
		p, err := program(tier)
		if err != nil {
			t.Fatal(err)
		}
		socket := uint32(allow)
		if tier == Landlock {
			socket = eperm
		}
		for _, c := range []struct {
			nr   uint32
			arch uint32
			arg  uint64
			want uint32
		}{
			{unix.SYS_READ, arch, 0, allow},
			{unix.SYS_EXECVE, arch, 0, allow},
			{unix.SYS_MOUNT, arch, 0, eperm},
			{unix.SYS_PTRACE, arch, 0, eperm},
			{unix.SYS_VHANGUP, arch, 0, eperm},
			{unix.SYS_CLONE3, arch, 0, enosys},
			{unix.SYS_CLONE, arch, unix.CLONE_VM | unix.CLONE_THREAD, allow},
			{unix.SYS_CLONE, arch, unix.CLONE_NEWUSER, eperm},
			{unix.SYS_CLONE, arch, unix.CLONE_NEWNET | unix.CLONE_VM, eperm},
			{unix.SYS_SOCKET, arch, unix.AF_INET, socket},
			{unix.SYS_READ, arch + 1, 0, eperm},
			{unix.SYS_READ | 0x4000_0000, arch, 0, eperm},
		} {
			if got := run(t, p, c.nr, c.arch, c.arg); got != c.want {
				t.Errorf("%s: call %d arg %#x: %#x, want %#x", tier, c.nr, c.arg, got, c.want)
			}
		}
	}
}
