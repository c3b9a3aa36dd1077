package netguard

import (
	"errors"
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// chain is a chain as it is loaded, and as it must be found again.
type chain struct {
	*nftables.Chain
	rules []*nftables.Rule
}

// refuseChain ends the way of what is refused; rows go there.
const refuseChain = "refuse"

// chains is t in the kernel's terms.
func chains(t Table) []chain {
	table := &nftables.Table{Name: "p2prc_guard", Family: nftables.TableFamilyINet}
	refuse := chain{Chain: &nftables.Chain{Name: refuseChain, Table: table}}
	refuse.add("connections are reset", match(expr.MetaKeyL4PROTO, byte(TCP)),
		counted(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}))
	refuse.add("all else is prohibited",
		counted(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}))

	input := base(table, "input", nftables.ChainHookInput)
	for _, r := range t.Input {
		input.add(r.Why, exprs(r, expr.MetaKeyIIFNAME))
	}
	output := base(table, "output", nftables.ChainHookOutput)
	for _, r := range t.Output {
		output.add(r.Why, exprs(r, expr.MetaKeyOIFNAME))
	}
	return []chain{refuse, input, base(table, "forward", nftables.ChainHookForward), output}
}

func base(table *nftables.Table, name string, hook *nftables.ChainHook) chain {
	policy := nftables.ChainPolicyDrop
	return chain{Chain: &nftables.Chain{
		Name: name, Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityFilter, Policy: &policy,
	}}
}

func (c *chain) add(why string, parts ...[]expr.Any) {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	c.rules = append(c.rules, &nftables.Rule{
		Table: c.Table, Chain: c.Chain, Exprs: all,
		UserData: userdata.AppendString(nil, userdata.TypeComment, why),
	})
}

// load puts all chains into the kernel in one transaction.
func load(all []chain) error {
	// The kernel answers every row, and all answers must wait in the socket.
	conn, err := nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error { return c.SetReadBuffer(1 << 20) }))
	if err != nil {
		return err
	}
	conn.CreateTable(all[0].Table)
	for _, c := range all {
		conn.AddChain(c.Chain)
	}
	for _, c := range all {
		for _, r := range c.rules {
			conn.AddRule(r)
		}
	}
	switch err := conn.Flush(); {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("no right to set packet rules in this namespace (NET_ADMIN): %w", err)
	case err != nil:
		return fmt.Errorf("setting packet rules (does the kernel have nf_tables?): %w", err)
	}
	return nil
}

// exprs is a row as the kernel's instructions; iface is the interface that
// matters on its chain.
func exprs(r Rule, iface expr.MetaKey) []expr.Any {
	var e []expr.Any
	switch r.family() {
	case 4:
		e = append(e, match(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV4)...)
	case 6:
		e = append(e, match(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV6)...)
	}
	if r.State != 0 {
		bit := map[State]uint32{Established: expr.CtStateBitESTABLISHED, Related: expr.CtStateBitRELATED}[r.State]
		e = append(e, &expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			masked(binaryutil.NativeEndian.PutUint32(bit)), unequal(0, 0, 0, 0))
	}
	if r.Local {
		name := make([]byte, unix.IFNAMSIZ)
		copy(name, "lo")
		e = append(e, match(iface, name...)...)
	}
	if r.Options {
		const withoutOptions = 5 // 32-bit words
		e = append(e, load8(expr.PayloadBaseNetworkHeader, 0), masked([]byte{0x0f}), unequal(withoutOptions))
	}
	if r.To.IsValid() && r.To.Bits() > 0 {
		e = append(e, destination(r)...)
	}
	if r.Proto != 0 {
		e = append(e, match(expr.MetaKeyL4PROTO, byte(r.Proto))...)
	}
	if r.Port != 0 {
		e = append(e, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, equal(binaryutil.BigEndian.PutUint16(r.Port)...))
	}
	if r.Type != 0 {
		e = append(e, load8(expr.PayloadBaseTransportHeader, 0), equal(r.Type))
	}
	return append(e, counted(verdict(r.Verdict))...)
}

func destination(r Rule) []expr.Any {
	addr := r.To.Addr().AsSlice()
	at := map[int]uint32{net.IPv4len: 16, net.IPv6len: 24}[len(addr)] // in the IP header
	e := []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: at, Len: uint32(len(addr))}}
	if r.To.Bits() < r.To.Addr().BitLen() {
		e = append(e, masked(net.CIDRMask(r.To.Bits(), r.To.Addr().BitLen())))
	}
	return append(e, equal(addr...))
}

func verdict(v Verdict) *expr.Verdict {
	if v == Accept {
		return &expr.Verdict{Kind: expr.VerdictAccept}
	}
	return &expr.Verdict{Kind: expr.VerdictGoto, Chain: refuseChain}
}

func counted(e expr.Any) []expr.Any { return []expr.Any{&expr.Counter{}, e} }

func match(key expr.MetaKey, value ...byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, equal(value...)}
}

func equal(value ...byte) *expr.Cmp   { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value} }
func unequal(value ...byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: value} }

func load8(b expr.PayloadBase, at uint32) *expr.Payload {
	return &expr.Payload{DestRegister: 1, Base: b, Offset: at, Len: 1}
}

func masked(mask []byte) *expr.Bitwise {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}
