package config

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// HomeEnv names the environment variable that says where the home is.
const HomeEnv = "P2PRC"

// modulePath is this project's; $P2PRC may point at its checkout.
const modulePath = "github.com/Akilan1999/p2p-rendering-computation"

// The files of a home that more than one package names.
const (
	FileName   = "config.json"
	SocketName = "p2prc.sock"
	LogName    = "p2prc.log"
	LockName   = "lock" // held by the node that has the home, to its very end
)

// Home is the absolute folder of a node's state: $P2PRC, or ~/.p2prc where that
// is not set. Where $P2PRC holds this project's source (its go.mod), the home is
// the folder .p2prc in it. Nothing is created.
func Home(getenv func(string) string) (string, error) {
	dir := getenv(HomeEnv)
	if dir == "" {
		user := getenv("HOME")
		if user == "" && runtime.GOOS == "windows" {
			user = getenv("USERPROFILE")
		}
		if user == "" {
			return "", api.Errorf(api.KindInvalid, "there is no home folder: neither $%s nor $HOME is set", HomeEnv).WithHint("export %s=/some/folder", HomeEnv)
		}
		return filepath.Join(user, ".p2prc"), nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", api.Errorf(api.KindInternal, "the working folder is gone: %w", err)
	}
	if err := CheckHome(dir); err != nil {
		return "", err
	}
	ours, err := isOurModule(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", api.Errorf(api.KindInvalid, "the home %s cannot be looked into: %w", dir, errors.Unwrap(err)).WithHint("%s", homeHint)
	}
	if ours {
		return filepath.Join(dir, ".p2prc"), nil
	}
	return dir, nil
}

const homeHint = "set " + HomeEnv + " to a folder of your own, or leave it unset for ~/.p2prc"

// CheckHome refuses, as KindInvalid, what is there already and is no folder. That
// nothing is there is fine.
func CheckHome(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		return api.Errorf(api.KindInvalid, "the home %s is no folder", dir).WithHint("%s", homeHint)
	}
	return nil
}

func isOurModule(file string) (bool, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "module "); ok {
			return strings.Trim(strings.TrimSpace(name), `"`) == modulePath, nil
		}
	}
	return false, nil
}

// maxSocket is what fits into a unix socket's address everywhere (macOS: 104
// with the closing zero).
const maxSocket = 103

// Socket is the path of a home's API socket. A home whose path is too long for
// an operating system's socket addresses is KindInvalid.
func Socket(home string) (string, error) {
	path := filepath.Join(home, SocketName)
	if len(path) > maxSocket {
		return "", api.Errorf(api.KindInvalid, "the home's path is too long for a socket: %s", home).WithHint("use one of at most %d bytes: export %s=/shorter/folder", maxSocket-len(SocketName)-1, HomeEnv)
	}
	return path, nil
}
