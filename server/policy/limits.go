package policy

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
)

// The defaults of what an owner did not say.
const (
	DefaultWall   = 24 * time.Hour
	DefaultOutput = 64 << 20
	DefaultProcs  = 256
	DefaultImages = 20 << 30
	DefaultDisk   = 10 << 30 // where the machine's own disk is not known
	NeedCPU       = 1.0      // of a slot that does not say
	NeedMemory    = 256 << 20
)

const (
	minMemory = 16 << 20
	overbook  = 16 // an owner may promise this many times the machine's cores
	minIdle   = 10 * time.Second
	maxWall   = 365 * 24 * time.Hour
	maxProcs  = 100_000
)

// Effective fills what the owner left open, for a machine that has machine:
// all cores but one (at least one), half of the memory, a quarter of the disk,
// every GPU, the runtimes wasm and docker.
func Effective(l api.Limits, machine api.Resources) api.Limits {
	l.Total = orElse(l.Total, api.Resources{
		CPU:    math.Max(1, machine.CPU-1),
		Memory: max(machine.Memory/2, minMemory),
		Disk:   diskDefault(machine.Disk),
		GPU:    machine.GPU,
	})
	l.PerPeer = orElse(l.PerPeer, l.Total)
	l.PerGuest = orElse(l.PerGuest, l.PerPeer)
	if l.MaxWall == 0 {
		l.MaxWall = api.Duration(DefaultWall)
	}
	if l.MaxOut == 0 {
		l.MaxOut = DefaultOutput
	}
	if l.MaxProcs == 0 {
		l.MaxProcs = DefaultProcs
	}
	if l.Images == 0 {
		l.Images = DefaultImages
	}
	if l.Runtimes == nil {
		l.Runtimes = []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker}
	}
	l.Runtimes = slices.Clone(l.Runtimes)
	return l
}

func diskDefault(disk int64) int64 {
	if disk <= 0 {
		return DefaultDisk
	}
	return disk / 4
}

// Lendable is what may be lent of a disk of total bytes of which free are free: a
// tenth of it, at most 5 GiB, stays free for the machine and its owner.
func Lendable(total, free int64) int64 { return max(0, free-min(total/10, 5<<30)) }

// OnDisk is effective limits on a machine that has lendable bytes of disk to lend.
func OnDisk(l api.Limits, lendable int64) api.Limits {
	for _, r := range []*api.Resources{&l.Total, &l.PerPeer, &l.PerGuest} {
		r.Disk = min(r.Disk, lendable)
	}
	return l
}

// orElse is r with its zero dimensions taken from d.
func orElse(r, d api.Resources) api.Resources {
	if r.CPU == 0 {
		r.CPU = d.CPU
	}
	if r.Memory == 0 {
		r.Memory = d.Memory
	}
	if r.Disk == 0 {
		r.Disk = d.Disk
	}
	if r.GPU == 0 {
		r.GPU = d.GPU
	}
	return r
}

// Slot is what one slot takes when its borrower asks for needs: a dimension it
// left open is the default, and no larger than cap. For the disk that is the part
// of cap that goes with the slot's cores, so that guests that say nothing fit
// beside each other.
func Slot(needs, cap api.Resources) api.Resources {
	if needs.CPU == 0 {
		needs.CPU = math.Min(NeedCPU, cap.CPU)
	}
	if needs.Memory == 0 {
		needs.Memory = min(NeedMemory, cap.Memory)
	}
	if needs.Disk == 0 && cap.CPU > 0 {
		needs.Disk = int64(float64(cap.Disk) * math.Min(1, needs.CPU/cap.CPU))
	}
	return needs
}

// CheckNeeds refuses, as KindInvalid, a vector that no machine could mean.
func CheckNeeds(r api.Resources) error {
	if err := checkVector("needs", r); err != nil {
		return err
	}
	return nil
}

// CheckLimits refuses, as KindInvalid, limits that contradict themselves or
// promise what the machine does not have.
func CheckLimits(l api.Limits, machine api.Resources) error {
	for _, v := range []struct {
		name string
		r    api.Resources
	}{{"total", l.Total}, {"per_peer", l.PerPeer}, {"per_guest", l.PerGuest}} {
		if err := checkVector(v.name, v.r); err != nil {
			return err
		}
	}
	if _, err := api.ParseHours(l.Hours); err != nil {
		return err
	}
	if machine.CPU > 0 && l.Total.CPU > overbook*machine.CPU {
		return api.Errorf(api.KindInvalid, "total: %g cores, and this machine has %g", l.Total.CPU, machine.CPU).
			WithHint("at most %g, which guests would share", overbook*machine.CPU)
	}
	if machine.Memory > 0 && l.Total.Memory > machine.Memory {
		return tooMuch("memory", l.Total.Memory, machine.Memory)
	}
	if machine.Disk > 0 && l.Total.Disk > machine.Disk {
		return tooMuch("disk", l.Total.Disk, machine.Disk)
	}
	if l.Total.GPU > machine.GPU {
		return api.Errorf(api.KindInvalid, "total: %d GPUs, and this machine has %d", l.Total.GPU, machine.GPU)
	}
	if err := checkScalars(l); err != nil {
		return err
	}
	eff := Effective(l, machine)
	if !eff.PerPeer.Fits(eff.Total) {
		return api.Errorf(api.KindInvalid, "per_peer is more than total").WithHint("a cap of 0 means the one above it")
	}
	if !eff.PerGuest.Fits(eff.PerPeer) {
		return api.Errorf(api.KindInvalid, "per_guest is more than per_peer").WithHint("a cap of 0 means the one above it")
	}
	return nil
}

// tooMuch is the error of lending more bytes than there are; its hint can be typed.
func tooMuch(of string, asked, there int64) error {
	return api.Errorf(api.KindInvalid, "total: %s of %s, and this machine has %s", humanize.IBytes(uint64(asked)), of, humanize.IBytes(uint64(there))).
		WithHint("at most %s", size.Bytes(there&^(1<<20-1)))
}

func checkScalars(l api.Limits) error {
	if w := time.Duration(l.MaxWall); w != 0 && (w < time.Second || w > maxWall) {
		return api.Errorf(api.KindInvalid, "max_wall %s is not between 1s and %s", w, maxWall)
	}
	if l.MaxOut < 0 || (l.MaxOut > 0 && l.MaxOut < 1024) {
		return api.Errorf(api.KindInvalid, "max_output %d is less than 1024 bytes", l.MaxOut)
	}
	if l.MaxProcs < 0 || l.MaxProcs > maxProcs {
		return api.Errorf(api.KindInvalid, "max_processes %d is not between 1 and %d", l.MaxProcs, maxProcs)
	}
	if w := time.Duration(l.Idle); w != 0 && (w < minIdle || w > DefaultWall) {
		return api.Errorf(api.KindInvalid, "idle %s is not between %s and %s", w, minIdle, DefaultWall)
	}
	if l.Images < 0 {
		return api.Errorf(api.KindInvalid, "images %d is negative", l.Images)
	}
	for i, name := range l.Runtimes {
		if !name.Valid() {
			return api.Errorf(api.KindInvalid, "unknown runtime %q", name).WithHint("runtimes are wasm, docker and process")
		}
		if slices.Index(l.Runtimes, name) != i {
			return api.Errorf(api.KindInvalid, "runtime %s is named twice", name)
		}
	}
	return nil
}

func checkVector(name string, r api.Resources) error {
	switch {
	case math.IsNaN(r.CPU) || math.IsInf(r.CPU, 0) || r.CPU < 0:
		return api.Errorf(api.KindInvalid, "%s: %v is no number of cores", name, r.CPU)
	case r.CPU > 0 && r.CPU < 0.01:
		return api.Errorf(api.KindInvalid, "%s: %g cores is less than 0.01", name, r.CPU)
	case r.Memory < 0 || (r.Memory > 0 && r.Memory < 1<<20):
		return api.Errorf(api.KindInvalid, "%s: %d bytes of memory is less than 1 MiB", name, r.Memory)
	case r.Disk < 0:
		return api.Errorf(api.KindInvalid, "%s: disk is negative", name)
	case r.GPU < 0:
		return api.Errorf(api.KindInvalid, "%s: GPUs are negative", name)
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
