package cli

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestWhereAMappingLeads(t *testing.T) {
	for want, m := range map[string]api.Mapping{
		"this machine:3000":  {Spec: api.MapSpec{Port: 3000}, Targets: []api.MapTarget{{}}},
		"web-1,web-2:80-81":  {Spec: api.MapSpec{Port: 80, Ports: 2}, Targets: []api.MapTarget{{Peer: idA, Name: "web-1"}, {Peer: idB, Name: "web-2"}}},
		"bench:53/udp":       {Spec: api.MapSpec{Port: 53, Network: "udp", Container: "bench"}, Targets: []api.MapTarget{{}}},
		idA.Short() + ":443": {Spec: api.MapSpec{Port: 443}, Targets: []api.MapTarget{{Peer: idA}}},
	} {
		if got := leadsTo(m); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
