package netguard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
)

// Config says what one namespace may reach beyond the fixed table.
type Config struct {
	// Refuse is out of bounds although it looks like the Internet: the machine's
	// own public addresses, and the links it is on.
	Refuse []netip.Prefix `json:"refuse,omitempty"`
	// Resolvers may be asked on port 53, also where their address is refused.
	Resolvers []netip.Addr `json:"resolvers,omitempty"`
}

// Every list is bounded, so that the answers to a transaction fit the socket's
// buffer also where the system does not let it grow.
const (
	MaxRefuse    = 64
	MaxResolvers = 4
)

// Check says what is wrong with c.
func (c Config) Check() error {
	if len(c.Refuse) > MaxRefuse || len(c.Resolvers) > MaxResolvers {
		return fmt.Errorf("at most %d prefixes and %d resolvers", MaxRefuse, MaxResolvers)
	}
	for _, p := range c.Refuse {
		if !p.IsValid() || p.Addr().Is4In6() {
			return fmt.Errorf("prefix %v: want an IPv4 or IPv6 prefix", p)
		}
	}
	for _, a := range c.Resolvers {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
			return fmt.Errorf("resolver %v: want the address of one machine", a)
		}
	}
	return nil
}

// Argument is c in the form that Main reads.
func (c Config) Argument() (string, error) {
	b, err := json.Marshal(c)
	return string(b), err
}

func parse(arg string) (Config, error) {
	var c Config
	d := json.NewDecoder(bytes.NewReader([]byte(arg)))
	d.DisallowUnknownFields() // a prefix under a misspelt key would be a hole
	if err := d.Decode(&c); err != nil {
		return Config{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, fmt.Errorf("something follows the configuration")
	}
	return c, c.Check()
}
