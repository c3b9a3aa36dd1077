package node

import (
	"maps"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// Who is revoked or expired has no role, so that the server withdraws its tasks.
func TestRolesAreThoseOfWhomTheNetworkAdmits(t *testing.T) {
	now := time.Now()
	got := rolesOf([]api.Member{
		{ID: "member", Role: api.RoleMember, Expires: now.Add(time.Hour)},
		{ID: "within the tolerance", Role: api.RoleAdmin, Expires: now.Add(time.Second - membership.Tolerance)},
		{ID: "expired", Role: api.RoleMember, Expires: now.Add(-time.Second - membership.Tolerance)},
		{ID: "revoked", Role: api.RoleMember, Expires: now.Add(time.Hour), Revoked: true},
		{ID: "self", Role: api.RoleAdmin, Expires: now.Add(-time.Hour), Revoked: true, Self: true},
	}, now)
	want := map[api.PeerID]api.Role{"member": api.RoleMember, "within the tolerance": api.RoleAdmin, "self": api.RoleAdmin}
	if !maps.Equal(got, want) {
		t.Errorf("roles %v, want %v", got, want)
	}
}
