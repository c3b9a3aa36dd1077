package job

import (
	"math"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Strategy decides how a job's tasks go to lenders. Its methods are pure and
// are called by the scheduler only.
//
// Tasks are dealt into lanes, task i into lane i mod Lanes; a lender takes from
// the lane it serves, in order of index, returned tasks first. Who has only one
// lane serves it with AnyLane.
type Strategy interface {
	// Lanes is how many lanes there are, at least 1.
	Lanes() int
	// Lane is the only lane a lender serves, AnyLane, or NoLane.
	Lane(peer api.PeerID) int
	// Quota is how many tasks the lender may hold now, running and queued there.
	Quota(l Lender, v View) int
	// Moves tells whether a task may be moved or copied to another lender that
	// serves its lane.
	Moves() bool
}

// What Lane may answer besides a lane's number.
const (
	AnyLane = -1
	NoLane  = -2
)

// Lender is a lease as a strategy sees it.
type Lender struct {
	Peer   api.PeerID
	Slots  int           // tasks at once
	Held   int           // outstanding there now
	Done   int64         // ended there so far
	Speed  float64       // tasks a second, measured; before that an estimate from Slots
	Proven bool          // Speed was measured
	Took   time.Duration // of a task there on average, as the lender says; 0 before the first has ended
}

// View is a job as a strategy sees it.
type View struct {
	Total    int64   // tasks of the job
	Open     int64   // waiting and running
	Speed    float64 // sum over all lenders in reach, those about to answer included
	Settling bool    // the job began, or a lender was asked, a moment ago
}

// ahead is how much work, in seconds, a lender holds beyond what runs: enough
// that it never waits for us, little enough that the tail stays short.
const ahead = 0.5

// depth is how many tasks keep a lender busy. What it got done while it had little to
// do, as at first, says less than how long its tasks took.
func depth(l Lender) int {
	least, speed := 0, l.Speed
	if !l.Proven {
		least, speed = 2*l.Slots, 0
	}
	if l.Took > 0 {
		speed = max(speed, float64(l.Slots)/l.Took.Seconds())
	}
	return max(least, l.Slots+int(math.Ceil(min(speed*ahead, 1<<20))))
}

// spread gives every lender its share by speed, so that all end together.
type spread struct{}

func (spread) Lanes() int          { return 1 }
func (spread) Lane(api.PeerID) int { return AnyLane }
func (spread) Moves() bool         { return true }

func (spread) Quota(l Lender, v View) int {
	share := 1.0
	if v.Speed > 0 {
		share = l.Speed / v.Speed
	}
	fair := int64(math.Ceil(float64(v.Open) * share))
	if v.Settling { // leave the others theirs, however fast this one is
		fair = int64(math.Ceil(float64(v.Total)*share)) - l.Done
	}
	return int(min(int64(depth(l)), max(fair, 0)))
}

// pin ties task i to the peer number i mod n of On, and to no other: the user's
// own batching, the same every time.
type pin struct {
	on []api.PeerID
}

func (p pin) Lanes() int                 { return len(p.on) }
func (p pin) Moves() bool                { return false }
func (p pin) Quota(l Lender, _ View) int { return depth(l) }

func (p pin) Lane(peer api.PeerID) int {
	if i := slices.Index(p.on, peer); i >= 0 {
		return i
	}
	return NoLane
}

// NewStrategy makes the strategy of one job, which it may refuse.
type NewStrategy func(spec api.JobSpec) (Strategy, error)

// maxLanes bounds what a strategy of somebody else's may ask for.
const maxLanes = 100_000

// foreign is a strategy that this package did not write: what it answers is held
// to what it may.
type foreign struct {
	Strategy
	lanes int
}

func (f foreign) Lanes() int { return f.lanes }

func (f foreign) Lane(peer api.PeerID) int {
	switch n := f.Strategy.Lane(peer); {
	case n == AnyLane && f.lanes == 1, n >= 0 && n < f.lanes:
		return n
	}
	return NoLane
}

func newForeign(spec *api.JobSpec, own NewStrategy) (Strategy, error) {
	s, err := own(*spec)
	if err != nil {
		return nil, err
	}
	lanes := s.Lanes()
	if lanes < 1 || lanes > maxLanes {
		return nil, api.Errorf(api.KindInvalid, "strategy %s has %d lanes: want 1 to %d", spec.Strategy, lanes, maxLanes)
	}
	return foreign{s, lanes}, nil
}

func newStrategy(spec *api.JobSpec, own map[string]NewStrategy) (Strategy, error) {
	switch spec.Strategy {
	case "", "spread":
		return spread{}, nil
	case "pin":
		if len(spec.On) == 0 {
			return nil, api.Errorf(api.KindInvalid, "strategy pin needs the peers to pin to").WithHint("name them with on, or --on PEER")
		}
		on := slices.Clone(spec.On)
		for i, id := range on {
			if slices.Contains(on[:i], id) {
				return nil, api.Errorf(api.KindInvalid, "strategy pin: peer %s is named twice", id.Short())
			}
		}
		return pin{on}, nil
	}
	if mine, ok := own[spec.Strategy]; ok {
		return newForeign(spec, mine)
	}
	return nil, api.Errorf(api.KindInvalid, "unknown strategy %q", clip(spec.Strategy, 40)).WithHint("spread or pin")
}
