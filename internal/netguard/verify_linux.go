package netguard

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// verify reads what the kernel holds and compares it with what was meant.
func verify(all []chain) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	for _, want := range all {
		got, err := conn.ListChain(want.Table, want.Name)
		if err != nil {
			return fmt.Errorf("reading chain %s back: %w", want.Name, err)
		}
		if got.Type != want.Type || !reflect.DeepEqual(got.Hooknum, want.Hooknum) ||
			!reflect.DeepEqual(got.Priority, want.Priority) || !reflect.DeepEqual(got.Policy, want.Policy) {
			return fmt.Errorf("chain %s is not the one that was set", want.Name)
		}
		rules, err := conn.GetRules(want.Table, want.Chain)
		if err != nil {
			return fmt.Errorf("reading the rules of chain %s back: %w", want.Name, err)
		}
		same := func(a, b *nftables.Rule) bool {
			return bytes.Equal(a.UserData, b.UserData) && slices.EqualFunc(a.Exprs, b.Exprs, sameExpr)
		}
		if !slices.EqualFunc(want.rules, rules, same) {
			return fmt.Errorf("the rules of chain %s are not those that were set", want.Name)
		}
	}
	return nil
}

// sameExpr does not mind what was counted meanwhile.
func sameExpr(a, b expr.Any) bool {
	if _, counter := a.(*expr.Counter); counter {
		_, counter = b.(*expr.Counter)
		return counter
	}
	return reflect.DeepEqual(a, b)
}

// probe sends a datagram to one address of every refused prefix. The kernel must
// deny each (what has no route goes nowhere anyway), and the refusing chain must
// have counted them: a denial for another reason proves nothing.
func probe(t Table, all []chain, own []netip.Addr) error {
	denied := 0
	for _, r := range t.Output {
		if r.Verdict != Refuse || !r.To.IsValid() {
			continue
		}
		to, ok := target(r.To, own)
		if !ok {
			continue
		}
		switch err := send(to); {
		case err == nil:
			return fmt.Errorf("a packet to %v (%s) was not refused", to, r.Why)
		case errors.Is(err, unix.EPERM):
			denied++
		}
	}
	if denied == 0 {
		return errors.New("there is no route to try the packet rules on")
	}
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	rules, err := conn.GetRules(all[0].Table, all[0].Chain)
	if err != nil {
		return fmt.Errorf("reading the counters: %w", err)
	}
	var counted uint64
	for _, r := range rules {
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				counted += c.Packets
			}
		}
	}
	if counted < uint64(denied) {
		return fmt.Errorf("%d packets were denied, but the packet rules saw %d", denied, counted)
	}
	return nil
}

// target is an address in p that does not lead back into the namespace: the
// second, which on a bridge is the gateway's, or the next that will do.
func target(p netip.Prefix, own []netip.Addr) (netip.Addr, bool) {
	a := p.Addr()
	if next := a.Next(); p.Contains(next) {
		a = next
	}
	for slices.Contains(own, a) {
		a = a.Next()
	}
	return a, p.Contains(a) && !a.IsLoopback() && !a.IsUnspecified()
}

func send(to netip.Addr) error {
	const discard = 9
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, discard)))
	if err != nil {
		return err
	}
	_, err = c.Write([]byte{0})
	return errors.Join(err, c.Close())
}

// links are the prefixes and addresses of the namespace's interfaces, its
// loopback left out.
func links() (prefixes []netip.Prefix, own []netip.Addr, err error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			return nil, nil, err
		}
		own = append(own, p.Addr())
		if !p.Addr().IsLoopback() {
			prefixes = append(prefixes, p.Masked())
		}
	}
	return prefixes, own, nil
}
