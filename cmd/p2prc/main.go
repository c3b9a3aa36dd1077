// Command p2prc is a node of a private pool of compute, and the tool to use it.
// It only hands the parts of the program to the command line.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/cli"
	"github.com/Akilan1999/p2p-rendering-computation/demo"
	"github.com/Akilan1999/p2p-rendering-computation/node"
)

var version = "dev" // set by make

func main() {
	env, err := cli.ProcessEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(api.KindOf(err).ExitCode())
	}
	self := []string{env.Program, "agent"}
	os.Exit(cli.Main(context.Background(), os.Args[1:], env, cli.Deps{
		Version: version,
		Up: func(ctx context.Context, o cli.UpOptions) error {
			return up(ctx, o, self)
		},
		Join: func(ctx context.Context, home, token string) (api.JoinResult, error) {
			return node.JoinOffline(ctx, node.Options{Home: home, Log: slog.New(slog.DiscardHandler), Version: version, Agent: self, Getenv: os.Getenv}, token)
		},
		Agent: agent.Main,
		Demo: func(ctx context.Context, o cli.DemoOptions) error {
			return demo.Run(ctx, demo.Options(o))
		},
	}))
}

func up(ctx context.Context, o cli.UpOptions, self []string) error {
	getenv := func(key string) string {
		switch {
		case key == "P2PRC_PORT" && o.Port != 0:
			return strconv.Itoa(o.Port)
		case key == "P2PRC_LOG_LEVEL":
			return cmp.Or(o.LogLevel, os.Getenv(key))
		}
		return os.Getenv(key)
	}
	level := new(slog.LevelVar)
	n, err := node.New(ctx, node.Options{Home: o.Home, Log: logger(o, level), Level: level, Version: version, Agent: self, Getenv: getenv})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-n.Ready():
	}
	if o.Ready != nil {
		status, err := n.Client().Status(ctx)
		if err != nil {
			cancel()
			return errors.Join(err, <-ended)
		}
		o.Ready(status)
	}
	return <-ended
}

func logger(o cli.UpOptions, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if o.LogJSON {
		return slog.New(slog.NewJSONHandler(o.Log, opts))
	}
	return slog.New(slog.NewTextHandler(o.Log, opts))
}
