package p2p

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// An export of a network key is an armored age file, encrypted with a passphrase;
// what is in it is the key file as it stands in the home, so that the age program
// alone can bring it back.
const (
	minPassphrase = 12
	maxScrypt     = 20 // log2 of the work that an export may ask for: 1 GiB, four times our own
	maxExported   = 4 << 10
)

// HoldsKey tells whether the network's key is in this home.
func (n *Net) HoldsKey() bool { return n.current().networkKey() != nil }

// ExportKey encrypts the network's key. Errors: KindInvalid for a passphrase that
// is too short, KindNotFound where the key is not held.
func (n *Net) ExportKey(passphrase string) (api.NetworkKey, error) {
	var none api.NetworkKey
	if len(passphrase) < minPassphrase {
		return none, api.Errorf(api.KindInvalid, "the passphrase is shorter than %d characters", minPassphrase).WithHint("a few words that nobody else would put together; whoever has file and passphrase owns the network")
	}
	p := n.current()
	key := p.networkKey()
	if key == nil {
		return none, noKey()
	}
	text, err := seal(key, passphrase, n.cfg.scrypt)
	if err != nil {
		return none, &api.Error{Kind: api.KindInternal, Msg: "cannot encrypt the network's key", Err: err}
	}
	return api.NetworkKey{Network: p.id, Export: text}, nil
}

func noKey() error {
	return api.Errorf(api.KindNotFound, "this home does not hold the network's key").WithHint("it is on the network's first node, or in an export: p2prc network restore FILE")
}

// RemoveKey takes the network's key off this home, when an export that opens
// with the passphrase holds it: that is the proof that it can come back. The
// node stays an admin, anew for as long as a certificate lasts.
func (n *Net) RemoveKey(ctx context.Context, export, passphrase string) error {
	n.joining.Lock()
	defer n.joining.Unlock()
	p := n.current()
	key := p.networkKey()
	if key == nil {
		return noKey()
	}
	exported, err := unseal(export, passphrase)
	if err != nil {
		return err
	}
	if !exported.Equals(key) {
		return api.Errorf(api.KindConflict, "the export is of another network's key").WithHint("make one of this network's: p2prc network export FILE")
	}
	if err := n.keepAdmin(ctx, p, membership.Lifetime); err != nil {
		return err
	}
	if err := os.Remove(networkKeyPath(n.cfg.Dir, p.id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &api.Error{Kind: api.KindInternal, Msg: "cannot remove the network's key", Err: err}
	}
	p.hold(nil)
	return nil
}

// RestoreKey brings an exported key back, and makes this node an admin of its
// network. A home that is alone in a network of its own goes into the key's.
// KindConflict when it is in another one with others.
func (n *Net) RestoreKey(ctx context.Context, export, passphrase string) (api.JoinResult, error) {
	var none api.JoinResult
	key, err := unseal(export, passphrase)
	if err != nil {
		return none, err
	}
	id, err := idOf(key)
	if err != nil {
		return none, err
	}
	network := api.NetworkID(id)
	n.joining.Lock()
	defer n.joining.Unlock()
	p := n.current()
	move := p.id != network
	if move {
		if !p.alone(n.id) {
			return none, api.Errorf(api.KindConflict, "the key is network %s's, and this home is in another one with others", network).WithHint("`p2prc leave` first, or restore it on a node of its network")
		}
		if p, err = openPool(ctx, network, key, n.cfg.Store, n.id, n.log); err != nil {
			return none, err
		}
	}
	if err := saveKey(networkKeyPath(n.cfg.Dir, network), key); err != nil {
		return none, &api.Error{Kind: api.KindInternal, Msg: "cannot save the network's key", Err: err}
	}
	p.hold(key)
	if err := n.keepAdmin(ctx, p, renewBefore); err != nil {
		return none, err
	}
	m, err := p.member(n.id)
	if err != nil {
		return none, err
	}
	if move {
		if err := saveCurrent(n.cfg.Dir, network); err != nil {
			return none, &api.Error{Kind: api.KindInternal, Msg: "cannot save which network this home is in", Err: err}
		}
		err = n.enter(ctx, p)
	}
	return api.JoinResult{Network: network, Role: m.Role, Expires: m.Expires}, err
}

func seal(key crypto.PrivKey, passphrase string, work int) (string, error) {
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return "", err
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return "", err
	}
	to.SetWorkFactor(work)
	var b bytes.Buffer
	text := armor.NewWriter(&b)
	w, err := age.Encrypt(text, to)
	if err != nil {
		return "", err
	}
	_, err = w.Write(raw)
	err = errors.Join(err, w.Close(), text.Close()) // which write the end
	return b.String(), err
}

// unseal reads an export. Errors: KindInvalid for what is none, KindDenied for the wrong passphrase.
func unseal(export, passphrase string) (crypto.PrivKey, error) {
	bad := func(err error) (crypto.PrivKey, error) {
		return nil, &api.Error{Kind: api.KindInvalid, Msg: "that is no export of a network's key", Err: err, Hint: "give the file that p2prc network export wrote"}
	}
	if passphrase == "" {
		return nil, api.Errorf(api.KindInvalid, "the passphrase is empty")
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return bad(err)
	}
	by.SetMaxWorkFactor(maxScrypt)
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(export)), by)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, api.Errorf(api.KindDenied, "the passphrase does not open the export")
	}
	if err != nil {
		return bad(err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxExported))
	if err != nil {
		return bad(err)
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil || key.Type() != crypto.Ed25519 {
		return bad(err)
	}
	return key, nil
}
