package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func statusCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show this machine's node at a glance",
		Long:    `Show the node of this home: who it is, what it lends, what it keeps, whom it refused.` + exits(api.KindNotRunning),
		Example: "  p2prc status\n  p2prc status --json",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			return runStatus(cmd.Context(), client, a.out, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the whole status as JSON")
	return cmd
}

func runStatus(ctx context.Context, client *api.Client, out *output, asJSON bool) error {
	st, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return out.json(st)
	}
	now := time.Now()
	facts := [][2]string{
		{"node", fmt.Sprintf("%s %s", st.Name, st.ID)},
		{"version", st.Version},
		{"home", st.Home},
		{"process", fmt.Sprintf("%d, up %s", st.PID, ago(st.Started, now))},
		{"network", fmt.Sprintf("%s as %s until %s", st.Network, st.Role, st.Expires.Local().Format("2006-01-02"))},
		{"peers", fmt.Sprintf("%d known, %d alive", st.Peers, st.Alive)},
		{"jobs", fmt.Sprintf("%d running or paused", st.Jobs)},
		{"reached", reachLine(st)},
		{"relays", relayLine(st.Relay)},
		{"lending", lendLine(st.Lend)},
		{"kept", fmt.Sprintf("%s of %s in %s", bytesOf(st.Blobs.Bytes), bytesOf(st.Blobs.Quota), plural(st.Blobs.Count, "blob"))},
		{"listens", strings.Join(st.Addrs, "\n")},
	}
	for _, k := range slices.Sorted(maps.Keys(st.Counters)) {
		if st.Counters[k] > 0 {
			facts = append(facts, [2]string{strings.ReplaceAll(k, "_", " "), fmt.Sprint(st.Counters[k])})
		}
	}
	if st.Key {
		facts = slices.Insert(facts, 5, [2]string{"", "its key is in this home"})
	}
	if left := st.Expires.Sub(now); left < warnExpiry {
		out.note("this node's membership ends in %s: it is renewed when another admin is up together with it", plural(int64(max(left, 0)/(24*time.Hour)), "day"))
	}
	return printFacts(out, facts)
}

// warnExpiry is when a node's owner is told that its membership runs out; members
// are renewed long before where an admin is up.
const warnExpiry = 30 * 24 * time.Hour

func reachLine(st api.Status) string {
	switch st.Reach {
	case api.ReachPublic:
		return "public: members outside can call this node"
	case api.ReachPrivate:
		return "private: through relays (p2prc doctor says more)"
	}
	return "no member outside has looked yet"
}

func relayLine(r api.RelayStatus) string {
	switch {
	case !r.Enabled:
		return "off"
	case !r.Active:
		return "no: it is not public"
	}
	return fmt.Sprintf("for %s, %d of %d circuits, %s", plural(int64(r.Places), "member"), r.Circuits, r.Limit, bytesOf(r.Bytes))
}

func lendLine(l api.LendStatus) string {
	line := string(l.State)
	if l.Reason != "" {
		line += " (" + l.Reason + ")"
	}
	if l.State == api.LendOff {
		return line
	}
	free := resources(l.Free) + " of " + resources(l.Total)
	if l.Free == l.Total {
		free = "all of " + resources(l.Total)
	}
	return fmt.Sprintf("%s: %s free, %s running", line, free, plural(int64(l.Sandboxes), "sandbox"))
}

// printFacts prints names and values; further lines of a value stand below its first.
func printFacts(out *output, facts [][2]string) error {
	width := 0
	for _, f := range facts {
		width = max(width, len(f[0]))
	}
	for _, f := range facts {
		for i, line := range strings.Split(f[1], "\n") {
			name := f[0]
			if i > 0 {
				name = ""
			}
			if err := out.line("%s", strings.TrimRight(fmt.Sprintf("%-*s  %s", width, name, line), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}
