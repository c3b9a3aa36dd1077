package p2p

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	maxRecord = 32 << 10 // bytes of a signed record
	maxAddrs  = 32       // addresses in a record
	maxName   = 100      // bytes of a node's name
)

// nodeRecord is an api.Record as the payload of a signed envelope.
type nodeRecord struct{ api.Record }

func (*nodeRecord) Domain() string                   { return "p2prc-record/1" }
func (r *nodeRecord) Codec() []byte                  { return []byte(r.Domain()) }
func (r *nodeRecord) MarshalRecord() ([]byte, error) { return json.Marshal(r.Record) }
func (r *nodeRecord) UnmarshalRecord(b []byte) error { return json.Unmarshal(b, &r.Record) }

func signRecord(r api.Record, key crypto.PrivKey) ([]byte, error) {
	env, err := record.Seal(&nodeRecord{r}, key)
	if err != nil {
		return nil, err
	}
	raw, err := env.Marshal()
	if err == nil && len(raw) > maxRecord {
		err = api.Errorf(api.KindTooLarge, "this node's record has %d bytes, limit %d", len(raw), maxRecord).WithHint("shorten the labels or the custom text")
	}
	return raw, err
}

// openRecord verifies a record's signature and that its node signed it
// (KindCorrupt otherwise), and takes out of its words what a terminal would obey.
func openRecord(raw []byte) (api.Record, error) {
	bad := func(msg string, err error) (api.Record, error) {
		return api.Record{}, &api.Error{Kind: api.KindCorrupt, Msg: msg, Err: err}
	}
	if len(raw) > maxRecord {
		return bad("a record is too large", nil)
	}
	var r nodeRecord
	env, err := record.ConsumeTypedEnvelope(raw, &r)
	if err != nil {
		return bad("a record's signature does not hold", err)
	}
	id, err := peer.IDFromPublicKey(env.PublicKey)
	if err != nil || string(r.ID) != id.String() {
		return bad("a record is not signed by its node", err)
	}
	r.Name = clean(r.Name)
	r.Name = strings.ToValidUTF8(r.Name[:min(len(r.Name), maxName)], "")
	r.Meta, r.Version, r.Specs.Hostname = clean(r.Meta), clean(r.Version), clean(r.Specs.Hostname)
	r.Specs.OS, r.Specs.CPUModel = clean(r.Specs.OS), clean(r.Specs.CPUModel)
	labels := make(map[string]string, len(r.Labels))
	for k, v := range r.Labels {
		labels[clean(k)] = clean(v)
	}
	r.Labels = labels
	r.Addrs = r.Addrs[:min(len(r.Addrs), maxAddrs)]
	return r.Record, nil
}

// clean drops control characters; words of others end up on the owner's terminal.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) || c == '\n' {
			return c
		}
		return -1
	}, s)
}

// addrInfo is where a record says its node listens. Addresses that make no sense
// are left out, and of a relayed one all but the relay: where that one is to be
// found is its own word.
func addrInfo(r api.Record) (peer.AddrInfo, error) {
	id, err := peer.Decode(string(r.ID))
	if err != nil {
		return peer.AddrInfo{}, err
	}
	info := peer.AddrInfo{ID: id}
	for _, s := range r.Addrs {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if relayed(a) {
			relay, ok := relayOf(a)
			if !ok {
				continue
			}
			a = circuitAddr(relay)
		}
		info.Addrs = append(info.Addrs, a)
	}
	return info, nil
}
