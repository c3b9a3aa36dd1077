package abstractions

import (
	"context"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MapPort opens a TCP port to everybody, at the gateway with the least latency: a
// port of this program's machine or, with a serverAddress, of the peer that is meant
// by address, name or id. It stays over restarts; Client has Map and Unmap for
// everything else that can be asked for.
//
// KindUnsupported with a domainName: gateways serve ports only.
func MapPort(port, domainName, serverAddress string) (*api.Mapping, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, api.Errorf(api.KindInvalid, "%.20q is not a port from 1 to 65535", port)
	}
	if domainName != "" {
		return nil, api.Errorf(api.KindUnsupported, "gateways serve no domains").WithHint("map the port alone, and point the domain at the gateway yourself")
	}
	c, err := Client()
	if err != nil {
		return nil, err
	}
	spec := api.MapSpec{Port: int(n)}
	if serverAddress != "" {
		spec.On = []string{serverAddress}
	}
	m, err := c.Map(context.Background(), spec)
	if err != nil {
		return nil, err
	}
	return &m, nil
}
