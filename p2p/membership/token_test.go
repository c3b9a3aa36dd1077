package membership

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func someToken(t testing.TB) (Token, string) {
	_, network := key(t)
	_, member := key(t)
	pid, err := peer.Decode(string(member))
	if err != nil {
		t.Fatal(err)
	}
	tok := Token{Network: api.NetworkID(network), Expires: time.Unix(1_800_000_000, 0).UTC(), Members: []peer.AddrInfo{{ID: pid, Addrs: []multiaddr.Multiaddr{
		multiaddr.StringCast("/ip4/192.168.1.20/tcp/4001"), multiaddr.StringCast("/ip4/192.168.1.20/udp/4001/quic-v1")}}}}
	if tok.Secret, err = NewSecret(); err != nil {
		t.Fatal(err)
	}
	text, err := tok.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return tok, text
}

func TestTokenRoundTrip(t *testing.T) {
	tok, text := someToken(t)
	t.Logf("%d characters", len(text))
	for _, typed := range []string{text, " " + text + "\n", text[:40] + "\n  " + text[40:]} {
		got, err := ParseToken(typed)
		if err != nil {
			t.Fatal(err)
		}
		if got.Network != tok.Network || got.Secret != tok.Secret || !got.Expires.Equal(tok.Expires) || len(got.Members) != 1 ||
			got.Members[0].String() != tok.Members[0].String() {
			t.Fatalf("got %+v, want %+v", got, tok)
		}
	}
}

func TestTokenGarbledOrCut(t *testing.T) {
	_, text := someToken(t)
	says := func(in, want string) {
		t.Helper()
		_, err := ParseToken(in)
		if api.KindOf(err) != api.KindInvalid || api.HintOf(err) == "" || !strings.Contains(err.Error(), want) {
			t.Fatalf("%q: %v, want %q", in, err, want)
		}
	}
	for n := 1; n < len(text); n++ {
		says(text[:n], "cut off")
	}
	for i := range text {
		for _, c := range []byte("Ab_!") {
			if text[i] != c {
				if _, err := ParseToken(text[:i] + string(c) + text[i+1:]); api.KindOf(err) != api.KindInvalid {
					t.Fatalf("with character %d changed: %v", i, err)
				}
			}
		}
	}
	says("", "empty")
	says("hello", "garbled")
	says(text+"AAAA", "garbled")
	says(strings.Repeat(text, 30), "too long")
}

func FuzzParseToken(f *testing.F) {
	_, text := someToken(f)
	f.Add(text)
	f.Add("p2prc1_")
	f.Fuzz(func(t *testing.T, in string) {
		tok, err := ParseToken(in)
		if err != nil {
			if api.KindOf(err) != api.KindInvalid {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		again, err := tok.Encode()
		if err != nil || again != strings.Join(strings.Fields(in), "") {
			t.Fatalf("%q encodes as %q (%v)", in, again, err)
		}
	})
}
