package alloc_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/alloc"
)

func cores(n float64) api.Resources { return api.Resources{CPU: n, Memory: 1 << 20} }

func TestShares(t *testing.T) {
	machine := api.Resources{CPU: 4, Memory: 1 << 30}
	many := 100
	for name, c := range map[string]struct {
		perPeer api.Resources
		claims  []alloc.Claim
		want    []int
	}{
		"alone":                         {machine, []alloc.Claim{{"a", cores(1), many}}, []int{4}},
		"alone, wants two":              {machine, []alloc.Claim{{"a", cores(1), 2}}, []int{2}},
		"two borrowers":                 {machine, []alloc.Claim{{"a", cores(1), many}, {"b", cores(1), many}}, []int{2, 2}},
		"equal per borrower, not lease": {machine, []alloc.Claim{{"a", cores(1), many}, {"a", cores(1), many}, {"b", cores(1), many}}, []int{1, 1, 2}},
		"what one does not want":        {machine, []alloc.Claim{{"a", cores(1), 1}, {"b", cores(1), many}}, []int{1, 3}},
		"a cap per peer":                {cores(1), []alloc.Claim{{"a", cores(1), many}, {"b", cores(1), many}}, []int{1, 1}},
		"slots of different size":       {machine, []alloc.Claim{{"a", cores(2), many}, {"b", cores(0.5), many}}, []int{1, 4}},
		"too big for what is there":     {machine, []alloc.Claim{{"a", cores(5), many}, {"b", cores(1), many}}, []int{0, 4}},
		"memory is what is scarce":      {machine, []alloc.Claim{{"a", api.Resources{CPU: 0.1, Memory: 256 << 20}, many}, {"b", api.Resources{CPU: 1, Memory: 1 << 20}, many}}, []int{3, 3}},
		"a GPU there is not":            {machine, []alloc.Claim{{"a", api.Resources{CPU: 1, Memory: 1, GPU: 1}, many}}, []int{0}},
		"nobody":                        {machine, nil, []int{}},
	} {
		if got := alloc.Shares(machine, c.perPeer, nil, c.claims); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestManySmallSlotsAreBounded(t *testing.T) {
	huge := api.Resources{CPU: 1e6, Memory: 1 << 50}
	if got := alloc.Shares(huge, huge, nil, []alloc.Claim{{"a", cores(0.01), 1 << 30}}); got[0] != alloc.MaxSlots {
		t.Errorf("%d slots", got[0])
	}
}

// Whatever is asked for: caps hold, nobody gets more than wanted, nothing that
// fits is left over.
func TestSharesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := api.Resources{CPU: float64(rapid.IntRange(1, 32).Draw(t, "cpu")), Memory: int64(rapid.IntRange(1, 64).Draw(t, "gib")) << 30}
		perPeer := api.Resources{CPU: max(1, total.CPU/float64(rapid.IntRange(1, 4).Draw(t, "part"))), Memory: total.Memory}
		n := rapid.IntRange(0, 10).Draw(t, "claims")
		var claims []alloc.Claim
		for range n {
			claims = append(claims, alloc.Claim{
				Peer:  api.PeerID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "peer")),
				Needs: api.Resources{CPU: rapid.SampledFrom([]float64{0.25, 0.5, 1, 2, 4}).Draw(t, "needs"), Memory: int64(rapid.IntRange(1, 4).Draw(t, "mem")) << 28},
				Want:  rapid.IntRange(0, 20).Draw(t, "want"),
			})
		}
		held := map[api.PeerID]api.Resources{"a": {CPU: perPeer.CPU * rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "held")}}
		got := alloc.Shares(total, perPeer, held, claims)
		var sum api.Resources
		peers := maps.Clone(held)
		slots := 0
		for i, c := range claims {
			if got[i] < 0 || got[i] > c.Want {
				t.Fatalf("claim %d wants %d and got %d", i, c.Want, got[i])
			}
			for range got[i] {
				slots++
				sum = sum.Add(c.Needs)
				peers[c.Peer] = peers[c.Peer].Add(c.Needs)
			}
		}
		if !sum.Fits(total) {
			t.Fatalf("shares need %+v of %+v", sum, total)
		}
		for i, c := range claims {
			if !peers[c.Peer].Fits(perPeer) {
				t.Fatalf("peer %s has %+v of %+v", c.Peer, peers[c.Peer], perPeer)
			}
			more := got[i] < c.Want && peers[c.Peer].Add(c.Needs).Fits(perPeer) && slots < alloc.MaxSlots
			if more && sum.Add(c.Needs).Fits(total) {
				t.Fatalf("claim %d could have one more", i)
			}
		}
	})
}
