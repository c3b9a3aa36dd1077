package cli

import (
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// oldLines are command lines of the first P2PRC, one at least for each row of the
// table, with what they are now.
var oldLines = []struct{ old, now string }{
	{"--Server", "up"}, {"-s", "up"},
	{"--UpdateServerList", "peers refresh"}, {"--us", "peers refresh"},
	{"--ListServers", "peers"}, {"--ls", "peers"}, {"-ls", "peers"},
	{"--AddServer 1.2.3.4 -p 88", "peers add 1.2.3.4:88"}, {"--as ::1", "peers add [::1]:4001"},
	{"--AddRootNode --ip 1.2.3.4 -p 88", "peers add 1.2.3.4:88"}, {"--arn --ip=1.2.3.4", "peers add 1.2.3.4:4001"},
	{"--ViewImages box", "template ls box"}, {"--vi box", "template ls box"},
	{"--CreateVM box", "container create box --image debian:12"},
	{"--touch box -p 2 --gpu --cn T --bi I", "container create box --template T --base I --publish 20001 --publish 20002 --gpus 1"},
	{"-p 1 --touch box --bi I", "container create box --image I --publish 20001"},
	{"--RemoveVM box --id C", "container rm C"}, {"--rm box --id C", "container rm C"},
	{"--Specification box", "specs box"}, {"--specs box", "specs box"},
	{"--TrackedContainers", "container ls"}, {"--tc", "container ls"},
	{"--CreateGroup G", "group create G"}, {"--cgroup G", "group create G"},
	{"--Groups", "group ls"}, {"--groups", "group ls"},
	{"--Group G", "group show G"}, {"--group G --id C", "group add G C"},
	{"--RemoveContainerGroup --group G --id C", "group remove G C"}, {"--rmcgroup --group G --id C", "group remove G C"}, {"--group G --id C --rmcgroup", "group remove G C"},
	{"--RemoveGroup G", "group rm G"}, {"--rmgroup G", "group rm G"},
	{"--ViewPlugins", "plugin ls"}, {"--vp", "plugin ls"},
	{"--ExecutePlugin P --id C", "plugin run P C"}, {"--plugin P --id G", "plugin run P G"},
	{"--PullPlugin URL", "plugin pull URL"}, {"--pp URL", "plugin pull URL"},
	{"--RemovePlugin P", "plugin rm P"}, {"--rp P", "plugin rm P"},
	{"--MAPPort 80", "map 80"}, {"--mp 80 --ra box --udp", "map 80 --on box --udp"}, {"--mp 80 --dn app.example.org", "map 80 --domain app.example.org"},
	{"--AddMetaData text", "meta text"}, {"--amd text", "meta text"},
	{"--NetworkInterfaces", "doctor"}, {"--ni", "doctor"},
	{"--SetDefaultConfig", "config set --defaults"}, {"--dc", "config set --defaults"},
	{"--ViewConfig", "config get"}, {"--vc", "config get"},
}

func TestOldFlags(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range oldLines {
		for _, dash := range []string{"--", "-"} {
			args := strings.Fields(tt.old)
			for i, a := range args {
				if name := strings.TrimLeft(a, "-"); name != a {
					args[i] = dash + name
					seen[name] = true
				}
			}
			now, err := newForm(args)
			if got := strings.Join(now, " "); err != nil || got != tt.now {
				t.Errorf("%q: %q, %v, want %q", args, got, err, tt.now)
			}
		}
	}
	for _, row := range oldFlags {
		for _, name := range row.names {
			if !seen[name] {
				t.Errorf("--%s stands in the table and in no test", name)
			}
		}
	}
}

// What an old line becomes is a command line that there is.
func TestOldFlagsLeadToCommands(t *testing.T) {
	for _, tt := range oldLines {
		root := newRoot(newApp(Env{Getenv: func(string) string { return "" }}, Deps{}))
		args := strings.Fields(tt.now)
		cmd, rest, err := root.Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && cmd.Args != nil {
			err = cmd.Args(cmd, cmd.Flags().Args())
		}
		if err != nil || !cmd.HasParent() {
			t.Errorf("%q becomes %q: %v", tt.old, tt.now, err)
		}
	}
}

func TestOldFlagsRefused(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"--touch", "--touch needs PEER"},
		{"--rm box", "--rm needs --id ID"},
		{"--rmcgroup --id C", "--rmcgroup needs --group G"},
		{"--touch box -p many", "-p many is no number of ports"},
	} {
		if _, err := newForm(strings.Fields(tt.line)); api.KindOf(err) != api.KindUsage || err.Error() != tt.want {
			t.Errorf("%q: %v", tt.line, err)
		}
	}
	for _, line := range []string{"", "peers", "peers --ls", "--home x peers", "--help", "-h", "--version", "-p 3", "--ls peers", "--ls --tc"} {
		if now, err := newForm(strings.Fields(line)); err != nil || now != nil {
			t.Errorf("%q is taken for an old line: %q, %v", line, now, err)
		}
	}
}
