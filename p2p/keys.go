package p2p

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/atomicfile"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// What stands in the home, all of it 0600 in directories 0700:
//
//	identity.key           the node's key
//	network/current.json   the network this home is in
//	network/NETWORK.key    the key of a network that was founded here
//
// A key file is libp2p's protobuf form of an Ed25519 private key. A network's
// key stays when the home leaves the network: nothing else can revoke its admins.
const (
	identityFile = "identity.key"
	networkDir   = "network"
	currentFile  = "current.json"
)

type current struct {
	Network api.NetworkID `json:"network"`
}

func newKey() (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	return key, err
}

// loadOrMakeKey reads a key file; where there is none it makes one.
func loadOrMakeKey(path string) (crypto.PrivKey, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = newKey(); err != nil {
		return nil, err
	}
	return key, saveKey(path, key)
}

func loadKey(path string) (crypto.PrivKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		// Others could have read it, but refusing would not take it back from
		// them; the owner's rights are what we can still mend.
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, api.Errorf(api.KindInternal, "%s can be read by others: %w", path, err).WithHint("chmod 600 %s", path)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil || key.Type() != crypto.Ed25519 {
		return nil, &api.Error{Kind: api.KindCorrupt, Msg: path + " is not an Ed25519 key", Err: err,
			Hint: "restore it from a backup; without it this home cannot be the node it was"}
	}
	return key, nil
}

func saveKey(path string, key crypto.PrivKey) error {
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, raw)
}

func networkKeyPath(dir string, id api.NetworkID) string {
	return filepath.Join(dir, networkDir, string(id)+".key")
}

// loadNetwork reads which network the home is in and, if it was founded here,
// its key. The id is empty in a fresh home.
func loadNetwork(dir string) (api.NetworkID, crypto.PrivKey, error) {
	path := filepath.Join(dir, networkDir, currentFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	var c current
	if err := json.Unmarshal(raw, &c); err != nil || c.Network == "" {
		return "", nil, &api.Error{Kind: api.KindCorrupt, Msg: path + " does not name a network", Err: err, Hint: "restore it from a backup, or remove it to start a network of your own"}
	}
	key, err := loadKey(networkKeyPath(dir, c.Network))
	if errors.Is(err, fs.ErrNotExist) {
		return c.Network, nil, nil
	}
	return c.Network, key, err
}

// saveCurrent makes network the one the home is in.
func saveCurrent(dir string, network api.NetworkID) error {
	raw, err := json.Marshal(current{network})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, networkDir, currentFile), raw)
}

// idOf is a key's text id.
func idOf(key crypto.PrivKey) (string, error) { return membership.IDOf(key) }
