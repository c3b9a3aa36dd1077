package membership

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// bare is a statement as if it had been opened: what work costs does not depend
// on signatures.
func bare(n int, signer api.PeerID, b body, c *Claim) *statement {
	return &statement{hash: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))), signer: signer, body: b, claim: c}
}

// worst are sets of about n statements that an admin could make to keep the others busy.
var worst = map[string]func(n int) []*statement{
	// Each node's certificate is a little later than what it signs itself.
	"a chain in reverse order": func(n int) []*statement {
		net, at := api.NetworkID("net"), time.Hour.Milliseconds()
		inv := bare(-1, "net", &Invite{Network: net, ID: "i", Role: api.RoleMember, Uses: MaxUses, Created: at - 1, Expires: at + Lifetime.Milliseconds()}, nil)
		list := []*statement{inv, bare(-2, "net", &Grant{Network: net, Node: "n0", Role: api.RoleAdmin, Time: at, Expires: at + Lifetime.Milliseconds()}, nil)}
		for i := range n {
			t := at + Tolerance.Milliseconds()*int64(n-i)/int64(n)
			list = append(list, bare(i, api.PeerID(fmt.Sprint("n", i)), &Admission{Network: net, Invite: inv.hash[:], Time: t, Expires: t + Lifetime.Milliseconds()},
				&Claim{Network: net, Invite: "i", Node: api.PeerID(fmt.Sprint("n", i+1)), Time: t}))
		}
		return list
	},
	// Many certificates of one node, and as much that waits for a time they do not cover.
	"renewals that help nothing": func(n int) []*statement {
		net, at := api.NetworkID("net"), time.Hour.Milliseconds()
		list := []*statement{bare(-1, "net", &Grant{Network: net, Node: "a", Role: api.RoleAdmin, Time: at, Expires: at + Lifetime.Milliseconds()}, nil),
			bare(-2, "net", &Grant{Network: net, Node: "b", Role: api.RoleAdmin, Time: at, Expires: at + 1}, nil)}
		for i := range n / 2 {
			list = append(list, bare(i, "a", &Grant{Network: net, Node: "b", Role: api.RoleAdmin, Time: at + int64(i), Expires: at + int64(i) + 1}, nil),
				bare(n+i, "b", &Invite{Network: net, ID: api.InviteID(fmt.Sprint(i)), Role: api.RoleMember, Uses: 1, Created: at + 2*Lifetime.Milliseconds(), Expires: at + 3*Lifetime.Milliseconds()}, nil))
		}
		return list
	},
	"one invite revoked again and again": func(n int) []*statement {
		net, at := api.NetworkID("net"), time.Hour.Milliseconds()
		inv := bare(-1, "net", &Invite{Network: net, ID: "i", Role: api.RoleMember, Uses: MaxUses, Created: at - 1, Expires: at + Lifetime.Milliseconds()}, nil)
		list := []*statement{inv, bare(-2, "net", &Grant{Network: net, Node: "a", Role: api.RoleAdmin, Time: at, Expires: at + Lifetime.Milliseconds()}, nil)}
		for i := range n / 2 {
			t := at + int64(i)
			list = append(list, bare(i, "a", &Admission{Network: net, Invite: inv.hash[:], Time: t, Expires: t + Lifetime.Milliseconds()},
				&Claim{Network: net, Invite: "i", Node: api.PeerID(fmt.Sprint("n", i)), Time: t}),
				bare(n+i, "a", &Revocation{Network: net, Invite: "i", AllAdmitted: true, Time: t}, nil))
		}
		return list
	},
}

func TestWorkGrowsWithTheLog(t *testing.T) {
	for name, of := range worst {
		steps := func(n int) float64 {
			list := of(n)
			v := work("net", slices.Clone(list))
			if len(v.kept) < n/2 {
				t.Fatalf("%s: %d of %d statements hold", name, len(v.kept), len(list))
			}
			return float64(v.steps)
		}
		small, large := steps(500), steps(4000)
		if large > 9*small {
			t.Errorf("%s: eight times the statements took %.0f steps, not %.0f: %.0f times as many", name, large, small, large/small)
		}
		if large > 12*4000 {
			t.Errorf("%s: 4000 statements took %.0f steps", name, large)
		}
	}
}
