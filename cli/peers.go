package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func peersCmd(a *app) *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:   "peers [PEER]",
		Short: "Show the peer table",
		Long: `Show the nodes of the network as this one knows them, itself included, or all
about one of them. PEER is a name, the beginning or end of an id, an address, or
self.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc peers\n  p2prc peers --watch\n  p2prc peers big-box\n  p2prc peers add 192.0.2.7:4001",
		Args:    takes(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			switch {
			case len(args) == 1 && watch:
				return api.Errorf(api.KindUsage, "--watch shows the table, not one peer")
			case len(args) == 1:
				return runPeer(cmd.Context(), client, a.out, args[0], asJSON)
			case watch:
				return watchPeers(cmd.Context(), client, a.out, asJSON)
			}
			return runPeers(cmd.Context(), client, a.out, asJSON)
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's records as JSON")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show the table again whenever it changes")
	cmd.AddCommand(peersAddCmd(a), peersRefreshCmd(a), peersPingCmd(a), peersSpeedCmd(a))
	return cmd
}

func runPeers(ctx context.Context, client *api.Client, out *output, asJSON bool) error {
	peers, err := client.Peers(ctx)
	if err != nil {
		return err
	}
	return printPeers(out, peers, asJSON, time.Now())
}

func printPeers(out *output, peers []api.Peer, asJSON bool, now time.Time) error {
	return list(out, asJSON, peers, []string{"NAME", "ID", "STATE", "PATH", "LATENCY", "SEEN", "CORES", "MEMORY", "LENDS", "LABELS"}, func(p api.Peer) []string {
		if gone(p) {
			p.Path, p.Latency, p.Total, p.Runtimes, p.Lending = "", 0, api.Resources{}, nil, ""
		}
		seen := ago(p.LastSeen, now)
		if p.State == api.PeerSelf {
			seen = "-"
		}
		return []string{or(p.Name, "-"), p.ID.Short(), string(p.State), pathTo(p, peers), latency(p.Latency), seen,
			freeOf(cores(p.Free.CPU), cores(p.Total.CPU)), freeOf(bytesOf(p.Free.Memory), bytesOf(p.Total.Memory)), lends(p.Record), labels(p.Labels)}
	})
}

// gone tells whether the rest of what is known of a peer is from when it was seen last.
func gone(p api.Peer) bool { return p.State == api.PeerDead || p.State == api.PeerRevoked }

// pathTo is how a peer is reached; all, if given, have the name of who relays.
func pathTo(p api.Peer, all []api.Peer) string {
	if p.Path != api.PathRelayed || p.Via == "" {
		return or(string(p.Path), "-")
	}
	for _, r := range all {
		if r.ID == p.Via {
			return "relayed via " + or(r.Name, r.ID.Short())
		}
	}
	return "relayed via " + p.Via.Short()
}

func trafficOf(all []api.Traffic) string {
	var lines []string
	for _, t := range all {
		lines = append(lines, fmt.Sprintf("%s: %s sent, %s received", t.Path, bytesOf(t.Sent), bytesOf(t.Received)))
	}
	return or(strings.Join(lines, "\n"), "-")
}

// freeOf is "free/total", or "-" where nothing is lent.
func freeOf(free, total string) string {
	if total == "0" || total == "0 B" {
		return "-"
	}
	if n, unit, ok := strings.Cut(free, " "); ok && (strings.HasSuffix(total, " "+unit) || n == "0") {
		free = n // 6.0/12 GiB
	}
	return free + "/" + total
}

func lends(r api.Record) string {
	var list []string
	for _, rt := range r.Runtimes {
		if rt.Enabled && rt.Available {
			list = append(list, string(rt.Name))
		}
	}
	if r.Lending != api.LendOpen && r.Lending != "" {
		return string(r.Lending)
	}
	return or(strings.Join(list, ","), "-")
}

func labels(m map[string]string) string {
	var list []string
	for k, v := range m {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return or(strings.Join(list, " "), "-")
}

// watchPeers prints the table, and again when a peer changed; on a terminal it
// is drawn over the one before.
func watchPeers(ctx context.Context, client *api.Client, out *output, asJSON bool) error {
	show := func() error {
		if out.width > 0 && !asJSON {
			if _, err := fmt.Fprint(out.stdout, "\x1b[H\x1b[2J"); err != nil {
				return err
			}
		}
		return runPeers(ctx, client, out, asJSON)
	}
	changed := make(chan struct{}, 1)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		ended <- client.Events(ctx, 0, true, func(e api.Event) error {
			if e.Type == api.EventPeer || e.Type == api.EventMember {
				select {
				case changed <- struct{}{}:
				default: // one is waiting already, and will show this change too
				}
			}
			return nil
		})
	}()
	for {
		if err := show(); err != nil {
			return watchEnded(ctx, err)
		}
		select {
		case err := <-ended:
			return watchEnded(ctx, err)
		case <-changed:
		}
		select { // changes come in bursts: one table for all of them
		case err := <-ended:
			return watchEnded(ctx, err)
		case <-time.After(200 * time.Millisecond):
		}
		select {
		case <-changed: // the next table shows it
		default:
		}
	}
}

// watchEnded is the end of watching: interrupting it is how one leaves, and needs no words.
func watchEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: api.KindCanceled.ExitCode()}
	}
	return err
}

func runPeer(ctx context.Context, client *api.Client, out *output, peer string, asJSON bool) error {
	p, err := client.Peer(ctx, peer)
	if err != nil {
		return err
	}
	if asJSON {
		return out.json(p)
	}
	state, path, free := string(p.State), pathTo(p, nil)+" "+p.Addr, resources(p.Free)
	if gone(p) {
		state, path, p.Latency, free = state+": the rest is as it was when last seen", "-", 0, "-"
	}
	facts := [][2]string{
		{"name", p.Name}, {"id", string(p.ID)}, {"role", string(p.Role)}, {"state", state},
		{"path", path}, {"traffic", trafficOf(p.Traffic)}, {"latency", latency(p.Latency)}, {"last seen", ago(p.LastSeen, time.Now())},
		{"version", p.Version}, {"lends", lends(p.Record)}, {"free", free}, {"total", resources(p.Total)},
		{"labels", labels(p.Labels)}, {"meta", or(p.Meta, "-")}, {"addresses", strings.Join(p.Addrs, "\n")},
	}
	facts = append(facts, specFacts(p.Specs)...)
	return printFacts(out, append(facts, runtimeFacts(p.Runtimes)...))
}

func peersAddCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add HOST:PORT",
		Short: "Find a member by its address",
		Long: `Dial an address, learn which node is there, and add it to the table if it is a
member of this network. A stranger is refused by both sides.` + exits(api.KindNotRunning, api.KindDenied),
		Example: "  p2prc peers add 192.0.2.7:4001",
		Args:    takes(1, 1, "an address: HOST:PORT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			p, err := client.AddPeer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(p)
			}
			return a.out.line("%s %s", or(p.Name, "-"), p.ID)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the peer as JSON")
	return cmd
}

func peersRefreshCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "refresh",
		Short:   "Ask every known peer anew and show the table",
		Long:    `Ask every known peer anew, wait for the answers, and show the table.` + exits(api.KindNotRunning),
		Example: "  p2prc peers refresh",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			peers, err := client.RefreshPeers(cmd.Context())
			if err != nil {
				return err
			}
			return printPeers(a.out, peers, asJSON, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as JSON")
	return cmd
}

func peersPingCmd(a *app) *cobra.Command {
	var asJSON bool
	var count int
	cmd := &cobra.Command{
		Use:     "ping PEER",
		Short:   "Measure the round trip to a peer",
		Long:    `Measure the round trip to a peer now.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc peers ping big-box -n 5",
		Args:    takes(1, 1, "the PEER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			for range max(count, 1) {
				res, err := client.PingPeer(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					err = a.out.json(res)
				} else {
					err = a.out.line("%s  %.3f ms", args[0], float64(res.Latency)/1e6)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the measurement as JSON")
	cmd.Flags().IntVarP(&count, "count", "n", 1, "how many times")
	return cmd
}
