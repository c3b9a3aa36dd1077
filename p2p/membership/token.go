package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Token is what an invited machine needs: the network's public key, the invite's
// secret, and where members may be found.
//
// Its text form is "p2prc1_" and unpadded URL-safe base64 of
//
//	uint16 length of all that follows it; uint32 expiry, Unix seconds;
//	32 bytes network key; 32 bytes invite seed;
//	uint8 count of members, each: 32 bytes key, uint8 count of addresses,
//	each: uint8 length, binary multiaddr without /p2p;
//	4 bytes: the head of SHA-256 of everything before
type Token struct {
	Network api.NetworkID
	Secret  [32]byte
	Expires time.Time
	Members []peer.AddrInfo
}

const (
	tokenPrefix  = "p2prc1_"
	tokenHead    = 2 + 4 + 32 + 32 + 1
	tokenSum     = 4
	maxTokenLen  = 4096
	maxInToken   = 4 // members in a token
	maxAddrsEach = 6
)

// NewSecret makes an invite's secret.
func NewSecret() ([32]byte, error) {
	var s [32]byte
	_, err := rand.Read(s[:])
	return s, err
}

// Key is the invite's private key.
func (t Token) Key() (crypto.PrivKey, error) { return KeyOf(t.Secret) }

// KeyOf is the private key of a secret.
func KeyOf(secret [32]byte) (crypto.PrivKey, error) {
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(secret[:]))
}

// IDOf is the text form of a key's peer id; the names of networks, nodes and invites.
func IDOf(key crypto.PrivKey) (string, error) {
	id, err := peer.IDFromPrivateKey(key)
	return id.String(), err
}

// Invite is the id of the token's invite.
func (t Token) Invite() (api.InviteID, error) {
	key, err := t.Key()
	if err != nil {
		return "", err
	}
	id, err := IDOf(key)
	return api.InviteID(id), err
}

// Encode writes the token's text form. Members and addresses beyond what fits are left out.
func (t Token) Encode() (string, error) {
	pub, err := rawKey(string(t.Network))
	if err != nil {
		return "", err
	}
	b := make([]byte, 2, 256)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Expires.Unix()))
	b = append(append(b, pub...), t.Secret[:]...)
	members := t.Members[:min(len(t.Members), maxInToken)]
	b = append(b, byte(len(members)))
	for _, m := range members {
		if pub, err = rawKey(m.ID.String()); err != nil {
			return "", err
		}
		b = append(b, pub...)
		count := len(b)
		b = append(b, 0)
		for _, a := range m.Addrs {
			if raw := a.Bytes(); len(raw) < 256 && b[count] < maxAddrsEach {
				b = append(append(b, byte(len(raw))), raw...)
				b[count]++
			}
		}
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2+tokenSum))
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:tokenSum]...)), nil
}

const tokenHint = "copy the whole line that `p2prc invite` printed, or ask for a new invite"

// ParseToken reads a token's text form; white space in it (a wrapped line) is
// ignored. A token that is cut off is told apart from one that is garbled; both
// are KindInvalid. It does not look at the clock.
func ParseToken(text string) (Token, error) {
	text = strings.Join(strings.Fields(text), "")
	garbled := func(why string) (Token, error) {
		return Token{}, api.Errorf(api.KindInvalid, "the token is garbled: %s", why).WithHint(tokenHint)
	}
	if text == "" {
		return Token{}, api.Errorf(api.KindInvalid, "the token is empty").WithHint(tokenHint)
	}
	if len(text) > maxTokenLen {
		return garbled("it is too long")
	}
	if !strings.HasPrefix(text, tokenPrefix) {
		if strings.HasPrefix(tokenPrefix, text) {
			return Token{}, truncated()
		}
		return garbled("it does not start with " + tokenPrefix)
	}
	text = text[len(tokenPrefix):]
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		// Cut inside a group of four, the rest still says how long it should have been.
		if b, err2 := base64.RawURLEncoding.DecodeString(text[:len(text)/4*4]); err2 == nil && isShort(b) {
			return Token{}, truncated()
		}
		return garbled("it holds characters that no token has")
	}
	if isShort(b) {
		return Token{}, truncated()
	}
	if int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return garbled("there is something after its end")
	}
	body, sum := b[:len(b)-tokenSum], b[len(b)-tokenSum:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:tokenSum]) {
		return garbled("its checksum is wrong")
	}
	t, ok := parseTokenBody(body)
	if !ok {
		return garbled("its parts do not fit")
	}
	return t, nil
}

// isShort tells whether b is the beginning of a longer token.
func isShort(b []byte) bool {
	return len(b) < tokenHead+tokenSum || int(binary.BigEndian.Uint16(b)) > len(b)-2
}

func truncated() error {
	return api.Errorf(api.KindInvalid, "the token is cut off").WithHint(tokenHint)
}

func parseTokenBody(b []byte) (Token, bool) {
	var t Token
	t.Expires = time.Unix(int64(binary.BigEndian.Uint32(b[2:])), 0).UTC()
	network, ok := idOfRaw(b[6:38])
	if !ok {
		return t, false
	}
	t.Network = api.NetworkID(network.String())
	copy(t.Secret[:], b[38:70])
	count, b := int(b[70]), b[tokenHead:]
	if count > maxInToken {
		return t, false
	}
	for range count {
		if len(b) < 33 {
			return t, false
		}
		id, ok := idOfRaw(b[:32])
		if !ok || b[32] > maxAddrsEach {
			return t, false
		}
		info := peer.AddrInfo{ID: id}
		n := int(b[32])
		for b = b[33:]; n > 0; n-- {
			if len(b) < 1 || len(b) < 1+int(b[0]) {
				return t, false
			}
			a, err := multiaddr.NewMultiaddrBytes(b[1 : 1+int(b[0])])
			if err != nil {
				return t, false
			}
			info.Addrs = append(info.Addrs, a)
			b = b[1+int(b[0]):]
		}
		t.Members = append(t.Members, info)
	}
	return t, len(b) == 0
}

func rawKey(id string) ([]byte, error) {
	p, err := peer.Decode(id)
	if err != nil {
		return nil, err
	}
	pub, err := p.ExtractPublicKey()
	if err != nil {
		return nil, err
	}
	return pub.Raw()
}

func idOfRaw(raw []byte) (peer.ID, bool) {
	pub, err := crypto.UnmarshalEd25519PublicKey(raw)
	if err != nil {
		return "", false
	}
	id, err := peer.IDFromPublicKey(pub)
	return id, err == nil
}
