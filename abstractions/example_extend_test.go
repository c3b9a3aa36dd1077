package abstractions_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/abstractions"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// polite is an orchestrator that leaves lenders alone: one task at a time for
// each, whatever it could take, and none for those it was told to spare.
type polite struct{ spare api.PeerID }

func (polite) Lanes() int { return 1 }

func (p polite) Lane(peer api.PeerID) int {
	if peer == p.spare {
		return abstractions.NoLane
	}
	return abstractions.AnyLane
}

func (polite) Quota(abstractions.Lender, abstractions.View) int { return 1 }

func (polite) Moves() bool { return true }

// A custom orchestrator: jobs that name it are spread its way.
func ExampleStrategy() {
	folder, err := os.MkdirTemp("", "node")
	check(err)
	defer os.RemoveAll(folder)
	n, err := abstractions.Open(context.Background(), abstractions.Options{
		Home: filepath.Join(folder, "home"), Settings: quiet("anna"),
		Strategies: map[string]abstractions.NewStrategy{"polite": func(job api.JobSpec) (abstractions.Strategy, error) {
			if len(job.Each) == 0 {
				return nil, api.Errorf(api.KindInvalid, "strategy polite is for batches")
			}
			return polite{}, nil
		}},
	})
	check(err)
	defer n.Close()

	_, err = n.SubmitJob(context.Background(), api.JobSpec{Runtime: "process", Command: []string{"true"}, Strategy: "polite"})
	fmt.Println(api.KindOf(err), err)
	job, err := n.SubmitJob(context.Background(), api.JobSpec{
		Runtime: "process", Command: []string{"convert", "{n}.tif"}, Strategy: "polite", Each: []api.Axis{{Name: "n", From: 1, To: 9}},
	})
	fmt.Println(job.State, job.Tasks.Total, err)
	// Output:
	// invalid strategy polite is for batches
	// running 9 <nil>
}

// A service of one's own that every member of the network can call, and nobody
// else.
func ExampleRoute() {
	folder, err := os.MkdirTemp("", "nodes")
	check(err)
	defer os.RemoveAll(folder)
	ctx := context.Background()
	stock := abstractions.Route{Method: "GET", Path: "/x/stock/{part}", Peers: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "a %s asks: 7 of %s left", abstractions.CallerOf(r).Role, r.PathValue("part"))
		})}
	shop, err := abstractions.Open(ctx, abstractions.Options{Home: filepath.Join(folder, "shop"), Settings: quiet("shop"), Routes: []abstractions.Route{stock}})
	check(err)
	defer shop.Close()
	bench, err := abstractions.Open(ctx, abstractions.Options{Home: filepath.Join(folder, "bench"), Settings: quiet("bench")})
	check(err)
	defer bench.Close()
	invite, err := shop.CreateInvite(ctx, api.InviteRequest{Role: api.RoleBorrower})
	check(err)
	_, err = bench.Join(ctx, invite.Token)
	check(err)

	answer, err := bench.PeersClient().Get("http://" + string(shop.ID()) + "/x/stock/screws")
	check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	fmt.Println(string(text), err)
	// Output: a borrower asks: 7 of screws left <nil>
}
