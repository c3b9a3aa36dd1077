package p2p

import (
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

func TestAddrsAt(t *testing.T) {
	for _, c := range []struct {
		hosts string
		want  string
	}{
		{"127.0.0.1", "/ip4/127.0.0.1/tcp/6000 /ip4/127.0.0.1/udp/6000/quic-v1"},
		{"::1", "/ip6/::1/tcp/6000 /ip6/::1/udp/6000/quic-v1"},
		{"0.0.0.0 ::", "/ip4/0.0.0.0/tcp/6000 /ip4/0.0.0.0/udp/6000/quic-v1 /ip6/::/tcp/6000 /ip6/::/udp/6000/quic-v1"},
	} {
		if got := strings.Join(addrsAt(strings.Fields(c.hosts), 6000), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.hosts, got, c.want)
		}
	}
}

// Nodes that start together and prefer one port end on different ones.
func TestNodesThatStartTogetherShareNoPort(t *testing.T) {
	port, err := freeport.Find("127.0.0.1", 1)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	taken := map[int]int{}
	for range 5 {
		wg.Go(func() {
			key, err := newKey()
			if err != nil {
				t.Error(err)
				return
			}
			n := &Net{cfg: Config{Hosts: []string{"127.0.0.1"}}, key: key}
			h, got, err := n.openHost(newGater(nil, ""), port)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { closeHost(t, h) })
			mu.Lock()
			defer mu.Unlock()
			taken[got]++
		})
	}
	wg.Wait()
	if len(taken) != 5 || taken[port] != 1 {
		t.Errorf("ports taken: %v; %d was preferred by all", taken, port)
	}
}

func TestAFixedPortThatIsTakenIsAConflict(t *testing.T) {
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	first := &Net{cfg: Config{Hosts: []string{"127.0.0.1"}}, key: key}
	h, port, err := first.openHost(newGater(nil, ""), 4001)
	if err != nil {
		t.Fatal(err)
	}
	defer closeHost(t, h)
	second := &Net{cfg: Config{Hosts: []string{"127.0.0.1"}, FixedPort: true}, key: key}
	_, _, err = second.openHost(newGater(nil, ""), port)
	if api.KindOf(err) != api.KindConflict || api.HintOf(err) == "" {
		t.Errorf("%v (%s), want a conflict with a hint", err, api.KindOf(err))
	}
}

func closeHost(t *testing.T, h host.Host) {
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
