package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
)

type createOptions struct {
	where, build  string
	network       string
	publish, env  []string
	cpus          float64
	memory, disk  size.Bytes
	ttl           time.Duration
	ttlSet        bool
	quiet, detail bool
	asJSON        bool
	spec          api.ContainerSpec
}

func containerCreateCmd(a *app) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create [PEER] [flags] [-- COMMAND [ARGUMENT...]]",
		Short: "Make a container on another machine",
		Long: `Make a container on PEER, or with --where on the peer with the most free memory
for which EXPR is true. It is made from an image, from one of the peer's templates
(p2prc template ls PEER), or from a local folder with a Dockerfile. An image that
this node has and the peer lacks is brought there, if the peer's owner allows that.

COMMAND, else the image's own, is the container's main command: what it prints is
kept for p2prc container logs. The container stays when it ends, and lives without
one as well, until its time is up, it is stopped, or it is removed.

It has no network unless --network asks for one and the lender's owner allows it:
filtered reaches the Internet and nothing of the lender's, open all that the
lender's machine reaches. Ports are published either way.

--publish PORT makes a port of the container a free port of the lender's host,
--publish OUTSIDE:PORT a certain one; the answer says how to reach it. Memory,
processor and time are the lender's to bound; more than it lends is refused.` +
			exits(api.KindNotRunning, api.KindDenied, api.KindNotFound, api.KindNobody),
		Example: "  p2prc container create big-box --image debian:12 --name bench\n" +
			"  p2prc container create --where 'labels.zone == \"eu\"' --template povray --ttl 72h --name render\n" +
			"  p2prc container create big-box --image nginx --publish 80 --memory 1GiB --cpus 2 --name web\n" +
			"  p2prc container create big-box --image debian:12 --network filtered --name online\n" +
			"  p2prc container create self --build ./image --base debian:12 --name mine -- sleep 1000",
		RunE: func(cmd *cobra.Command, args []string) error {
			peer, command := args, []string(nil)
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				peer, command = args[:n], args[n:]
			}
			if len(peer) > 1 {
				return api.Errorf(api.KindUsage, "%s takes one PEER, not %q", cmd.CommandPath(), peer[1]).WithHint("the container's command comes after --")
			}
			if (len(peer) == 1) == (o.where != "") {
				return api.Errorf(api.KindUsage, "say where: a PEER, or --where EXPR, one of them").WithHint("p2prc peers lists them")
			}
			o.ttlSet = cmd.Flags().Changed("ttl")
			o.spec.Command = command
			if err := o.check(a); err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			name := ""
			if len(peer) == 1 {
				name = peer[0]
			}
			return runCreate(cmd.Context(), a, client, name, o)
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	f := cmd.Flags()
	f.StringVar(&o.spec.Name, "name", "", "the container's name, one of your own (default: one that is free)")
	f.StringVar(&o.where, "where", "", "on a peer where this `EXPR` (CEL over the peer's record) is true")
	f.StringVar(&o.spec.Image, "image", "", "make it from an `IMAGE` that this node or the lender has")
	f.StringVar(&o.spec.Template, "template", "", "make it from a `TEMPLATE` of the lender's")
	f.StringVar(&o.build, "build", "", "make it from a local `FOLDER` with a Dockerfile")
	f.StringVar(&o.spec.Base, "base", "", "the `IMAGE` that stands for {{.}} in a template's Dockerfile")
	f.StringVar(&o.network, "network", "", "what it can reach: none, filtered or open")
	f.StringArrayVar(&o.publish, "publish", nil, "make a port reachable: `[OUTSIDE:]PORT`, may be given again")
	f.StringArrayVar(&o.env, "env", nil, "`NAME=VALUE` in the container, may be given again")
	f.Float64Var(&o.cpus, "cpus", 0, "cores it may use (default 1)")
	sizeVar(f, &o.memory, "memory", "memory it may use (default 256MiB)")
	sizeVar(f, &o.disk, "disk", "disk it may write")
	f.IntVar(&o.spec.Needs.GPU, "gpus", 0, "whole GPUs it gets")
	f.DurationVar(&o.ttl, "ttl", api.DefaultTTL, "how long it may live")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "do not show how it goes")
	f.BoolVarP(&o.detail, "verbose", "v", false, "print all that a build prints")
	f.BoolVar(&o.asJSON, "json", false, "print the container as JSON")
	must(cmd.RegisterFlagCompletionFunc("network", guestNetworks))
	must(cmd.RegisterFlagCompletionFunc("build", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}))
	return cmd
}

// check reads the flags into the spec.
func (o *createOptions) check(a *app) error {
	usage := func(format string, args ...any) *api.Error { return api.Errorf(api.KindUsage, format, args...) }
	sources := 0
	for _, s := range []string{o.spec.Image, o.spec.Template, o.build} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources != 1:
		return usage("say what it is made from: --image, --template or --build, one of them").WithHint("p2prc template ls PEER shows a lender's templates")
	case o.ttlSet && o.ttl <= 0:
		return usage("--ttl %s: a container must live for some time", o.ttl).WithHint("like 30m or 72h")
	case !api.GuestNetwork(o.network).Valid():
		return usage("--network %s is not known", o.network).WithHint(networksHint)
	case o.cpus < 0 || o.spec.Needs.GPU < 0:
		return usage("--cpus and --gpus cannot be negative")
	}
	if o.spec.Name != "" {
		if err := api.CheckName(o.spec.Name); err != nil {
			return err
		}
	}
	for _, p := range o.publish {
		spec, err := publishSpec(p)
		if err != nil {
			return err
		}
		o.spec.Publish = append(o.spec.Publish, spec)
	}
	for _, kv := range o.env {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return usage("--env %q is not NAME=VALUE", kv)
		}
		if o.spec.Env == nil {
			o.spec.Env = map[string]string{}
		}
		o.spec.Env[name] = value
	}
	o.spec.Network = api.GuestNetwork(o.network)
	o.spec.TTL = api.Duration(o.ttl)
	o.spec.Needs.CPU, o.spec.Needs.Memory, o.spec.Needs.Disk = o.cpus, int64(o.memory), int64(o.disk)
	if o.build != "" {
		o.build = a.abs(o.build)
	}
	return nil
}

// publishSpec reads [OUTSIDE:]PORT.
func publishSpec(s string) (p api.PublishSpec, err error) {
	out, in, both := strings.Cut(s, ":")
	if !both {
		out, in = "", s
	}
	read := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 65535 {
			return 0
		}
		return n
	}
	if p.Inside = read(in); both {
		p.Outside = read(out)
	}
	if p.Inside == 0 || both && p.Outside == 0 {
		return p, api.Errorf(api.KindUsage, "--publish %s: a port is between 1 and 65535", s).WithHint("like 8080, or 18080:8080 for port 18080 of the lender's host")
	}
	return p, nil
}

func runCreate(ctx context.Context, a *app, client *api.Client, peer string, o createOptions) error {
	if o.build != "" {
		snap, err := jobfile.Walk(ctx, jobfile.LocalInput{Path: o.build})
		if err != nil {
			return err
		}
		if !snap.IsDir {
			return api.Errorf(api.KindInvalid, "--build %s is a file, not a folder with a Dockerfile", o.build)
		}
		in, err := putInput(ctx, client, a.out, snap)
		if err != nil {
			return err
		}
		o.spec.Build = in.Tree
	}
	if peer == "" {
		var err error
		if peer, err = pickPeer(ctx, client, o.where, o.spec); err != nil {
			return err
		}
	}
	if o.spec.Name == "" {
		all, err := client.Containers(ctx)
		if err != nil {
			return err
		}
		o.spec.Name = freeName(all)
	}
	made, err := watchCreate(ctx, a, client, peer, o)
	if err != nil {
		return err
	}
	if made.Main != nil && made.Main.Ended && len(made.Main.Args) > 0 {
		a.out.note("its main command ended at once with exit code %d; the container stays: p2prc container logs %s", made.Main.Exit.Code, made.Name)
	}
	if o.asJSON {
		return a.out.json(made)
	}
	for _, p := range made.Ports {
		at := p.Address
		if at == "" {
			at = fmt.Sprintf("port %d of %s; from here: p2prc forward %s %d", p.Outside, or(made.PeerName, made.Peer.Short()), made.Name, p.Inside)
		}
		a.out.note("port %d is at %s", p.Inside, at)
	}
	return a.out.line("%s", made.Name)
}

// pickPeer finds the lender of containers with the most free memory.
func pickPeer(ctx context.Context, client *api.Client, where string, spec api.ContainerSpec) (string, error) {
	peers, err := client.PeersWhere(ctx, where)
	if err != nil {
		return "", err
	}
	fits := slices.DeleteFunc(peers, func(p api.Peer) bool {
		return p.Lending != api.LendOpen || p.State == api.PeerDead || p.State == api.PeerRevoked || !spec.Needs.Fits(p.Free) || !gives(p, spec.Network)
	})
	if len(fits) == 0 {
		return "", api.Errorf(api.KindNobody, "no peer for which --where is true has room for it").WithHint("p2prc peers shows what is free where")
	}
	best := slices.MaxFunc(fits, func(x, y api.Peer) int { return cmp.Compare(x.Free.Memory, y.Free.Memory) })
	return string(best.ID), nil
}

// gives tells whether a peer gives containers a network, to somebody at least.
func gives(p api.Peer, on api.GuestNetwork) bool {
	return on.None() || slices.ContainsFunc(p.Runtimes, func(r api.RuntimeInfo) bool { return slices.Contains(r.Networks, on) })
}

func freeName(all []api.Container) string {
	for n := 1; ; n++ {
		name := "box" + strconv.Itoa(n)
		if !slices.ContainsFunc(all, func(c api.Container) bool { return c.Name == name }) {
			return name
		}
	}
}
