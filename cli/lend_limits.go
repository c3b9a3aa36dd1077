package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
)

func lendLimitsCmd(a *app) *cobra.Command {
	var cpus, peerCPUs, guestCPUs float64
	var memory, peerMemory, guestMemory, disk, maxOutput, images size.Bytes
	var gpus, procs int
	var wall, idle time.Duration
	var runtimes, hours []string
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Show or set what is lent at most",
		Long: `Show what this machine lends at most: to all guests together, to one peer, to
one sandbox. Flags change it, at once and for good; 0 goes back to the default.
Long-lived containers that are then too much, the newest first, are taken away with
their files, so they are listed first, and the answer has to be yes.
What the owner did not set is marked as default; no more disk is lent than is free.
More cores may be lent than there are, up to 16 times as many; guests share them then.
Outside of --hours, and with --idle while the machine is in use, the node is as if
it were paused. In use: what is not lent takes more than half a core, or a tenth of
a machine with more than five.` + exits(api.KindNotRunning),
		Example: "  p2prc lend limits\n  p2prc lend limits --cpus 4 --memory 8GiB --peer-cpus 2\n  p2prc lend limits --runtimes wasm,process\n  p2prc lend limits --hours 22:00-07:00 --hours 'sat,sun 00:00-24:00'\n  p2prc lend limits --idle 10m",
		Args:    takes(0, 0, ""),
	}
	f := cmd.Flags()
	f.Float64Var(&cpus, "cpus", 0, "cores for all guests together")
	sizeVar(f, &memory, "memory", "memory for all guests together")
	sizeVar(f, &disk, "disk", "disk for all guests together")
	f.IntVar(&gpus, "gpus", 0, "GPUs for all guests together")
	f.Float64Var(&peerCPUs, "peer-cpus", 0, "cores for one peer")
	sizeVar(f, &peerMemory, "peer-memory", "memory for one peer")
	f.Float64Var(&guestCPUs, "guest-cpus", 0, "cores for one sandbox")
	sizeVar(f, &guestMemory, "guest-memory", "memory for one sandbox")
	f.DurationVar(&wall, "max-wall", 0, "longest a task may run")
	sizeVar(f, &maxOutput, "max-output", "most bytes one task may print")
	f.IntVar(&procs, "max-processes", 0, "most processes in a sandbox")
	sizeVar(f, &images, "images", "bytes of images kept for borrowers")
	f.StringSliceVar(&runtimes, "runtimes", nil, "the runtimes that are lent")
	f.StringArrayVar(&hours, "hours", nil, "lend only in this `SPAN` of the week, local time, like 22:00-07:00 or 'sat,sun 00:00-24:00'; may be given again; '' is always")
	f.DurationVar(&idle, "idle", 0, "lend only when the machine was not in use for so long, like 10m; 0 is always")
	f.BoolVarP(&yes, "yes", "y", false, "take containers away that are then too much")
	f.BoolVar(&asJSON, "json", false, "print the limits as JSON")
	must(cmd.RegisterFlagCompletionFunc("runtimes", fixed("wasm", "process", "docker")))
	set := map[string]func(*api.Limits){
		"cpus": func(l *api.Limits) { l.Total.CPU = cpus }, "memory": func(l *api.Limits) { l.Total.Memory = int64(memory) },
		"disk": func(l *api.Limits) { l.Total.Disk = int64(disk) }, "gpus": func(l *api.Limits) { l.Total.GPU = gpus },
		"peer-cpus": func(l *api.Limits) { l.PerPeer.CPU = peerCPUs }, "peer-memory": func(l *api.Limits) { l.PerPeer.Memory = int64(peerMemory) },
		"guest-cpus": func(l *api.Limits) { l.PerGuest.CPU = guestCPUs }, "guest-memory": func(l *api.Limits) { l.PerGuest.Memory = int64(guestMemory) },
		"max-wall": func(l *api.Limits) { l.MaxWall = api.Duration(wall) }, "max-output": func(l *api.Limits) { l.MaxOut = int64(maxOutput) },
		"max-processes": func(l *api.Limits) { l.MaxProcs = procs },
		"hours": func(l *api.Limits) {
			l.Hours = slices.DeleteFunc(hours, func(s string) bool { return s == "" })
		},
		"idle":   func(l *api.Limits) { l.Idle = api.Duration(idle) },
		"images": func(l *api.Limits) { l.Images = int64(images) },
		"runtimes": func(l *api.Limits) {
			l.Runtimes = []api.RuntimeName{}
			for _, r := range runtimes {
				l.Runtimes = append(l.Runtimes, api.RuntimeName(r))
			}
		},
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := a.node()
		if err != nil {
			return err
		}
		l, err := client.Limits(cmd.Context())
		if err != nil {
			return err
		}
		changed := false
		for name, apply := range set {
			if f.Changed(name) {
				apply(&l)
				changed = true
			}
		}
		if changed {
			if err := config.ValidateLimits(l); err != nil {
				return err
			}
			ends, err := client.LimitsEnd(cmd.Context(), l)
			if err != nil {
				return err
			}
			if err := agreeToEnds(a, "these limits take", ends, yes); err != nil {
				return err
			}
			if err := client.SetLimits(cmd.Context(), l); err != nil {
				return err
			}
			if l, err = client.Limits(cmd.Context()); err != nil {
				return err
			}
			if err := noteOverbooked(cmd.Context(), a, client, cpus); err != nil {
				return err
			}
		}
		st, err := client.Lend(cmd.Context())
		if err != nil {
			return err
		}
		view := limitsView{Limits: st.Limits, Set: l}
		if asJSON {
			return a.out.json(view)
		}
		return printFacts(a.out, view.facts())
	}
	return cmd
}

// noteOverbooked says what it means to lend more cores than there are: an owner may
// want it, and may have mistyped.
func noteOverbooked(ctx context.Context, a *app, client *api.Client, lent float64) error {
	specs, err := client.Specs(ctx)
	if err != nil {
		return err
	}
	if there := float64(specs.Cores); there > 0 && lent > there {
		a.out.note("note: this machine has %s: guests that use all %s will wait for each other, and your own programs for them", plainCores(there), cores(lent))
	}
	return nil
}
