package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/atomicfile"
)

func sshConfigCmd(a *app) *cobra.Command {
	var install, uninstall bool
	cmd := &cobra.Command{
		Use:   "ssh-config",
		Short: "Make ssh, scp, sftp, rsync and Ansible reach containers",
		Long: `Print a block for ssh's configuration by which NAME.p2prc is the container NAME for
every program that uses ssh. With --install the block goes to ssh/config in the
node's home, and one line that includes it to the top of ~/.ssh/config.` + exits(),
		Example: "  p2prc ssh-config --install\n  ssh web.p2prc\n  scp picture.png web.p2prc:/srv/",
		Args:    takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			home, err := a.homeDir()
			if err != nil {
				return err
			}
			if !install && !uninstall {
				_, err := fmt.Fprint(a.out.stdout, sshBlock(a.env.Program, home))
				return err
			}
			at, err := writeSSHBlock(a.env.Program, home)
			if err != nil {
				return err
			}
			return includeSSH(a, "Include "+quoted(at), install)
		},
	}
	cmd.Flags().BoolVar(&install, "install", false, "include it in ~/.ssh/config")
	cmd.Flags().BoolVar(&uninstall, "uninstall", false, "take it out of ~/.ssh/config again")
	cmd.MarkFlagsMutuallyExclusive("install", "uninstall")
	return cmd
}

// sshBlock is what ssh has to know. The cipher is the fastest that both sides have:
// its bytes only travel inside this machine, further on the pool encrypts them.
func sshBlock(program, home string) string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "  %s %s\n", key, value) }
	b.WriteString("Host *" + sshSuffix + "\n")
	proxy := shellWord(program) + " --home " + shellWord(home) + " ssh-proxy"
	if passes {
		proxy += " --pass"
		line("ProxyUseFdpass", "yes")
	}
	line("ProxyCommand", proxy+" '%n'")
	line("User", api.SSHUser)
	line("HostKeyAlias", api.SSHHost)
	line("UserKnownHostsFile", quoted(filepath.Join(home, api.SSHFolder, api.SSHKnownHosts)))
	line("GlobalKnownHostsFile", "/dev/null")
	line("StrictHostKeyChecking", "yes")
	line("UpdateHostKeys", "no")
	line("PreferredAuthentications", "none")
	line("PubkeyAuthentication", "no")
	line("Ciphers", "aes128-gcm@openssh.com")
	return b.String()
}

// writeSSHBlock writes the block into the home.
func writeSSHBlock(program, home string) (path string, err error) {
	path = filepath.Join(home, api.SSHFolder, "config")
	if err := atomicfile.Write(path, []byte(sshBlock(program, home))); err != nil {
		return "", api.Errorf(api.KindInternal, "ssh's configuration cannot be written: %w", err)
	}
	return path, nil
}

// quoted is a path as ssh's configuration reads it.
func quoted(path string) string { return `"` + strings.ReplaceAll(path, "%", "%%") + `"` }

// shellWord is a word for the shell that ssh runs a ProxyCommand by.
func shellWord(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", `'\''`), "%", "%%") + "'"
}

// includeSSH puts a line at the top of ~/.ssh/config, where it is in nobody's Host
// block, or takes it out.
func includeSSH(a *app, include string, in bool) error {
	user := a.env.Getenv("HOME")
	if user == "" {
		return api.Errorf(api.KindInvalid, "HOME is not set, so there is no ~/.ssh/config")
	}
	path := filepath.Join(user, ".ssh", "config")
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays one
	}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	text := strings.ReplaceAll("\n"+string(old), "\n"+include+"\n", "\n")[1:]
	if in {
		text = include + "\n" + text
	}
	if text == string(old) {
		return nil
	}
	if err := atomicfile.Write(path, []byte(text)); err != nil {
		return api.Errorf(api.KindInternal, "%s cannot be written: %w", path, err)
	}
	if in {
		a.out.note("%s includes it now: ssh NAME%s", path, sshSuffix)
	}
	return nil
}
