// Package alloc shares a machine out. A slot is a vector of resources, not a
// count, and fairness is between borrowers first and between the leases of one
// borrower second: the next slot goes to whoever has the smallest share, a share
// being measured in the dimension in which it is largest (dominant resource
// fairness). It is pure: no state, no clock.
package alloc

import (
	"cmp"
	"maps"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MaxSlots bounds what one machine runs at once, however small a slot is.
const MaxSlots = 256

// Claim is a lease that wants slots.
type Claim struct {
	Peer  api.PeerID
	Needs api.Resources // of one slot; CPU and Memory above 0
	Want  int           // slots at most
}

// Shares says how many slots each claim should have now, so that all fit into
// total, those of one peer with what it holds besides into perPeer, and nobody could
// have more without another who has less losing one. The first of equals in claims
// goes first.
func Shares(total, perPeer api.Resources, held map[api.PeerID]api.Resources, claims []Claim) []int {
	got := make([]int, len(claims))
	free := total
	peers := map[api.PeerID]api.Resources{}
	maps.Copy(peers, held)
	full := make([]bool, len(claims)) // can get no more: what is free only shrinks
	for range MaxSlots {
		best := -1
		for i, c := range claims {
			if full[i] {
				continue
			}
			if got[i] >= c.Want || !c.Needs.Fits(free) || !peers[c.Peer].Add(c.Needs).Fits(perPeer) {
				full[i] = true
				continue
			}
			if best < 0 || before(claims, got, peers, total, i, best) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		c := claims[best]
		got[best]++
		free = free.Sub(c.Needs)
		peers[c.Peer] = peers[c.Peer].Add(c.Needs)
	}
	return got
}

// before tells whether claim a should get the next slot rather than b.
func before(claims []Claim, got []int, peers map[api.PeerID]api.Resources, total api.Resources, a, b int) bool {
	ca, cb := claims[a], claims[b]
	if ca.Peer != cb.Peer {
		if d := cmp.Compare(Dominant(peers[ca.Peer], total), Dominant(peers[cb.Peer], total)); d != 0 {
			return d < 0
		}
		return false
	}
	return Dominant(times(ca.Needs, got[a]), total) < Dominant(times(cb.Needs, got[b]), total)
}

// Dominant is r's largest share of total over the dimensions.
func Dominant(r, total api.Resources) float64 {
	share := func(have, all float64) float64 {
		if all <= 0 {
			return 0
		}
		return have / all
	}
	return max(share(r.CPU, total.CPU), share(float64(r.Memory), float64(total.Memory)),
		share(float64(r.Disk), float64(total.Disk)), share(float64(r.GPU), float64(total.GPU)))
}

func times(r api.Resources, n int) api.Resources {
	return api.Resources{CPU: r.CPU * float64(n), Memory: r.Memory * int64(n), Disk: r.Disk * int64(n), GPU: r.GPU * n}
}
