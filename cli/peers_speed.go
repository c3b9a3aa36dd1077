package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func peersSpeedCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "speed PEER",
		Short: "Measure what the path to a peer carries",
		Long: `Measure what the path to a peer carries now, one way after the other: at most
64 MiB and two seconds each. A node measures with two others at a time, and six
times a minute with one.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc peers speed big-box",
		Args:    takes(1, 1, "the PEER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			res, err := client.SpeedPeer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(res)
			}
			peers, err := client.Peers(cmd.Context()) // for the relay's name
			if err != nil {
				return err
			}
			return printFacts(a.out, [][2]string{
				{"path", pathTo(api.Peer{Path: res.Path, Via: res.Via}, peers)}, {"latency", latency(res.Latency)},
				{"from " + args[0], throughput(res.Down)}, {"to " + args[0], throughput(res.Up)},
			})
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the measurement as JSON")
	return cmd
}

func throughput(t api.Throughput) string {
	return fmt.Sprintf("%.0f Mbit/s (%s in %.1f s)", t.Mbit, bytesOf(t.Bytes), time.Duration(t.Time).Seconds())
}
