package abstractions

import (
	"context"
	"net"
	"os"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// Client is the API of the home's node: everything that p2prc can do. It is
// there whether or not a node runs; without one calls are KindNotRunning.
func Client() (*api.Client, error) { return std.api() }

func (e *embedded) api() (*api.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.node != nil {
		return e.node.Client, nil
	}
	home, err := homeOf(e.home)
	if err != nil {
		return nil, err
	}
	socket, err := config.Socket(home)
	if err != nil {
		return nil, err
	}
	return api.NewClient(socket), nil
}

// ViewIPTable is the table of peers, this node included (State is PeerSelf).
func ViewIPTable() ([]api.Peer, error) {
	c, err := Client()
	if err != nil {
		return nil, err
	}
	return c.Peers(context.Background())
}

// UpdateIPTable asks the peers anew instead of waiting for the next gossip.
func UpdateIPTable() error {
	c, err := Client()
	if err != nil {
		return err
	}
	_, err = c.RefreshPeers(context.Background())
	return err
}

// AddRootNode dials an address whose node is not known yet, learns who it is,
// and keeps it for the next start. Only a member of the same network is taken
// in; else KindDenied, KindUnavailable where nothing answers.
func AddRootNode(ip, port string) error {
	addr := net.JoinHostPort(ip, port)
	c, err := Client()
	if err != nil {
		return err
	}
	if _, err := c.AddPeer(context.Background(), addr); err != nil {
		return err
	}
	home, err := config.Home(os.Getenv)
	if err != nil {
		return err
	}
	file, err := config.Open(home, os.Getenv)
	if err != nil {
		return err
	}
	return file.Update(func(s *config.Config) error {
		if !slices.Contains(s.RootNodes, addr) {
			s.RootNodes = append(s.RootNodes, addr)
		}
		return nil
	})
}

// AddCustomInformation shows a text to the whole pool, beside this node's name.
func AddCustomInformation(text string) error {
	c, err := Client()
	if err != nil {
		return err
	}
	return c.SetMeta(context.Background(), text)
}

// GetSpecs is what a peer's machine is, asked from that peer: by address, name
// or id; "" is this node.
func GetSpecs(ip string) (*api.Specs, error) {
	c, err := Client()
	if err != nil {
		return nil, err
	}
	s, err := c.PeerSpecs(context.Background(), orSelf(ip))
	if err != nil {
		return nil, err
	}
	return &s, nil
}
