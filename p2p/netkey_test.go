package p2p

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const phrase = "correct horse battery staple"

func (p *peerNode) export() string {
	p.t.Helper()
	key, err := p.ExportKey(phrase)
	if err != nil {
		p.t.Fatal(err)
	}
	return key.Export
}

func TestTheNetworkKeyLeavesTheMachineAndComesBack(t *testing.T) {
	founder, other := newNode(t, "founder"), newNode(t, "other")
	_, err := founder.ExportKey("short")
	kindIs(t, err, api.KindInvalid, "a short passphrase")
	export := founder.export()
	path := networkKeyPath(founder.dir, founder.Network())
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(export, string(raw)) || !strings.HasPrefix(export, "-----BEGIN AGE ENCRYPTED FILE-----") {
		t.Fatal("the export is not encrypted")
	}
	for name, c := range map[string]struct {
		export, phrase string
		kind           api.Kind
	}{
		"a wrong passphrase":    {export, phrase + "r", api.KindDenied},
		"no passphrase":         {export, "", api.KindInvalid},
		"another network's":     {other.export(), phrase, api.KindConflict},
		"no export":             {"hello", phrase, api.KindInvalid},
		"half an export":        {export[:len(export)/2], phrase, api.KindInvalid},
		"an export with a hole": {strings.Replace(export, export[200:204], "AAAA", 1), phrase, api.KindInvalid},
	} {
		if err := founder.RemoveKey(t.Context(), c.export, c.phrase); api.KindOf(err) != c.kind || !founder.HoldsKey() {
			t.Errorf("%s: %v (%s), want %s", name, err, api.KindOf(err), c.kind)
		}
	}

	founder.clock.Store(int64(40 * 24 * time.Hour))
	if err := founder.RemoveKey(t.Context(), export, phrase); err != nil {
		t.Fatal(err)
	}
	if left := founder.Self().Expires.Sub(founder.cfg.now()); left < 89*24*time.Hour {
		t.Errorf("without the key the founder is an admin for %s more", left)
	}
	founder.open("founder")
	if _, err := os.Stat(path); !os.IsNotExist(err) || founder.HoldsKey() || founder.Self().Role != api.RoleAdmin {
		t.Fatalf("the key is still here: %v", err)
	}
	_, err = founder.ExportKey(phrase)
	kindIs(t, err, api.KindNotFound, "an export without the key")
	kindIs(t, founder.RemoveKey(t.Context(), export, phrase), api.KindNotFound, "removing it again")

	if _, err := founder.RestoreKey(t.Context(), export, phrase); err != nil {
		t.Fatal(err)
	}
	founder.open("founder")
	if again, err := os.ReadFile(path); err != nil || string(again) != string(raw) || !founder.HoldsKey() {
		t.Fatalf("the key that came back is another: %v", err)
	}
}

// Every admin's machine is gone: whoever has the export gets the network back.
func TestAFreshNodeTakesOverWithTheNetworkKey(t *testing.T) {
	founder := newNode(t, "founder").up()
	export := founder.export()
	member := newNode(t, "member").up()
	member.mustJoin(founder.invite(api.InviteRequest{}))
	member.until("sees the founder", func() bool { return member.sees(founder, api.PeerAlive) })
	_, err := member.RestoreKey(t.Context(), newNode(t, "another").export(), phrase)
	kindIs(t, err, api.KindConflict, "another network's key in a home with others")
	founder.down()

	heir := newNode(t, "heir").up()
	res, err := heir.RestoreKey(t.Context(), export, phrase)
	if err != nil || res.Network != founder.Network() || res.Role != api.RoleAdmin {
		t.Fatalf("restored %+v, %v", res, err)
	}
	if _, err := heir.AddAddr(t.Context(), strings.SplitN(member.Addrs()[0], "/p2p/", 2)[0]); err != nil {
		t.Fatal(err)
	}
	member.until("sees the heir as an admin", func() bool { return member.holds(heir, api.RoleAdmin) })
	heir.until("has the log", func() bool { return len(heir.Members()) == 3 })
	if err := heir.Revoke(t.Context(), api.RevokeRequest{Node: founder.ID()}); err != nil {
		t.Fatal(err)
	}
	member.until("knows that the founder is out", func() bool { return member.Members()[0].Revoked })
	newNode(t, "newcomer").mustJoin(heir.invite(api.InviteRequest{}))
}
