// Package guard gives guests on a container engine a network that reaches the
// Internet and nothing of the lender's: not the machine, not the owner's LAN, not
// metadata services, not other guests.
//
// An engine's own networks do not do that, and p2prc, which may be nobody special
// on the machine, cannot set its packet filter. So each guest gets a companion: a
// holder, a container of p2prc's own program that owns a network namespace on the
// engine's default bridge and has one right, to administer it. It closes the
// namespace as internal/netguard says, proves it, gives the right up and sleeps.
// The guest is then started in the holder's namespace (NetworkMode) without that
// right, and so can use the network but not open it. Files of the guest's image
// are never executed in a holder.
//
// # What the guest's container must be
//
// It must not have NET_ADMIN, NET_RAW or SYS_ADMIN, and must run under a runtime
// whose containers use the kernel's own sockets: runsc, kata and their like move
// frames past the filter, so [Check] refuses them. The engine wants Hostname,
// ports and DNS of such a container empty: they are the holder's, as are
// /etc/hosts and /etc/resolv.conf. It is started after [Open] or [Holder.Start]
// returned, never before.
//
// # Life
//
// A holder lives as long as its guest: the caller labels it as it labels the
// guest, and removes it with [Holder.Close] after the guest. If a holder dies
// first, the engine takes the interface out of the namespace: the guest is cut
// off, not set free.
package guard
