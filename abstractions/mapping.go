package abstractions

import (
	"context"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MapPort opens a TCP port to everybody, at the gateway with the least latency: a
// port of this program's machine or, with a serverAddress, of the peer that is meant
// by address, name or id. With a domainName the gateway serves HTTPS under it, and
// the port gets HTTP; the answer's DNS says which record leads the name there. It
// stays over restarts; Client has Map and Unmap for everything else that can be asked
// for.
func MapPort(port, domainName, serverAddress string) (*api.Mapping, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, api.Errorf(api.KindInvalid, "%.20q is not a port from 1 to 65535", port)
	}
	c, err := Client()
	if err != nil {
		return nil, err
	}
	spec := api.MapSpec{Port: int(n), Domain: domainName}
	if serverAddress != "" {
		spec.On = []string{serverAddress}
	}
	m, err := c.Map(context.Background(), spec)
	if err != nil {
		return nil, err
	}
	return &m, nil
}
