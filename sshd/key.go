package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/atomicfile"
)

// In the folder of a home that is this package's:
//
//	host_key      the server's private key, as ssh-keygen writes it
//	known_hosts   its public key under the name api.SSHHost
const keyFile = "host_key"

// HostKey is the host key in dir, made when there is none.
func HostKey(dir string) (ssh.Signer, error) {
	path := filepath.Join(dir, keyFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = makeKey(path)
	}
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the ssh server's key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(raw)
	if err != nil {
		return nil, api.Errorf(api.KindCorrupt, "%s is no key of an ssh server: %w", path, err).WithHint("remove it: another one is made")
	}
	line := append([]byte(api.SSHHost+" "), ssh.MarshalAuthorizedKey(key.PublicKey())...)
	if err := atomicfile.Write(filepath.Join(dir, api.SSHKnownHosts), line); err != nil {
		return nil, api.Errorf(api.KindInternal, "the ssh server's public key: %w", err)
	}
	return key, nil
}

func makeKey(path string) ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, err
	}
	raw := pem.EncodeToMemory(block)
	return raw, atomicfile.Write(path, raw)
}
