package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const dnsWait = 5 * time.Second

// leadsHere says why a domain does not lead to this machine; empty: it does.
func (f *Front) leadsHere(ctx context.Context, domain string) string {
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	to, err := f.lookup(ctx, domain)
	var failed *net.DNSError
	switch {
	case errors.As(err, &failed) && failed.IsNotFound, err == nil && len(to) == 0:
		return fmt.Sprintf("waits for DNS: %s has no address", domain)
	case err != nil:
		return fmt.Sprintf("waits for DNS: nobody could say where %s leads: %.200s", domain, err)
	}
	here := f.cfg.Here()
	if here == "" {
		return ""
	}
	mine, err := f.lookup(ctx, here)
	if err != nil {
		return fmt.Sprintf("waits for DNS: the gateway's own name %s has no address", here)
	}
	if slices.ContainsFunc(to, func(a netip.Addr) bool { return slices.Contains(mine, a) }) {
		return ""
	}
	return fmt.Sprintf("waits for DNS: %s leads to %s, not to %s", domain, join(to), join(mine))
}

// lookup finds a name's addresses; an address is its own.
func (f *Front) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	r := net.DefaultResolver
	if at := f.cfg.Resolver; at != "" {
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, at)
		}}
	}
	all, err := r.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, ".")+".") // no search list
	for i := range all {
		all[i] = all[i].Unmap()
	}
	return all, err
}

// join names some of them.
func join(all []netip.Addr) string {
	var words []string
	for _, a := range all[:min(len(all), 4)] {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}
