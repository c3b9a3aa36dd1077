package multi

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// imagePool is a borrower and lenders, each with an engine of its own.
func imagePool(t *testing.T, lenders int) (nodes []*node, engines []*loneEngine) {
	t.Helper()
	engines = newEngines(t, 1+lenders)
	for i, e := range engines {
		n := newNode(t, fmt.Sprintf("n%d", i))
		n.ok("config", "set", "lend.docker.host", e.host)
		if i > 0 {
			n.ok("join", strings.TrimSpace(nodes[0].ok("invite")))
		}
		nodes = append(nodes, n.up())
	}
	for _, n := range nodes {
		n.seesAlive(20*time.Second, len(nodes))
	}
	return nodes, engines
}

func (n *node) bytesSent() int64 {
	n.t.Helper()
	s, err := n.api.Status(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	return s.Counters["blob_bytes_sent"]
}

// An image that the borrower alone has gets to three lenders, and the borrower
// gives away about one image's bytes: the lenders pass it on.
func TestImageGetsToLendersByItself(t *testing.T) {
	nodes, engines := imagePool(t, 3)
	borrower := nodes[0]
	engines[0].make("team/tool:1", 6<<20)
	engines[1].make("team/tool:1", 1000) // a name of the owner's, for something else
	img := found(t, borrower, "team/tool:1")
	before := borrower.bytesSent()
	jobs := map[api.PeerID]api.JobID{}
	for _, n := range nodes[1:] {
		job, err := borrower.api.SubmitJob(context.Background(), api.JobSpec{
			Image: "team/tool:1", Command: []string{"ls", "-l", "/noise"}, On: []api.PeerID{n.id()}, Needs: api.Resources{CPU: 0.5},
		})
		if err != nil {
			t.Fatal(err)
		}
		jobs[n.id()] = job.ID
	}
	for _, id := range jobs {
		if j := borrower.waitJob(id, 2*time.Minute, ended); j.State != api.JobDone {
			t.Fatalf("job ended %s: %s, %+v", j.State, j.Reason, j.Nodes)
		}
		task, err := borrower.api.Task(context.Background(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(task.Stdout.Inline), fmt.Sprint(6<<20)) {
			t.Errorf("a task ran in another image: %q", task.Stdout.Inline)
		}
	}
	sent := borrower.bytesSent() - before
	t.Logf("an image of %d bytes on three lenders cost the borrower %d bytes, %.2f images", img.Size, sent, float64(sent)/float64(img.Size))
	if sent < img.Size || float64(sent) > 1.5*float64(img.Size) {
		t.Errorf("the borrower sent %d bytes, want between one and one and a half images of %d", sent, img.Size)
	}
	if own := found(t, nodes[1], "team/tool:1"); own.ID == img.ID || own.For != "" {
		t.Errorf("the owner's name now stands for %+v", own)
	}
	for _, name := range engines[2].names() {
		if !strings.HasPrefix(name, "p2prc-") {
			t.Errorf("the lender's engine has a name %s that we did not give", name)
		}
	}
	containerBringsImage(t, borrower, nodes[1], engines)
}

// containerBringsImage: a lender without the image of a container is given it, as
// long as its owner allows that, and the borrower sees how it goes.
func containerBringsImage(t *testing.T, borrower, lender *node, engines []*loneEngine) {
	engines[0].make("team/box:1", 3<<20)
	create := func(args ...string) (errs string, code int) {
		_, errs, code = borrower.cmd(append([]string{"container", "create", lender.name, "--cpus", "0.2", "--name", "box"}, args...)...)
		return errs, code
	}
	lender.ok("lend", "policy", "deny", borrower.name, "image")
	if errs, code := create("--image", "team/box:1"); code == 0 || !strings.Contains(errs, "policy does not let you bring any") {
		t.Errorf("denied: exit %d, %q", code, errs)
	}
	lender.ok("lend", "policy", "rm", "1")
	var seen []api.ImageProgress
	made, err := borrower.api.CreateContainer(context.Background(), lender.name, api.ContainerSpec{Name: "box", Image: "team/box:1", Needs: api.Resources{CPU: 0.2}},
		func(e api.ContainerEvent) {
			if e.Image != nil {
				seen = append(seen, *e.Image)
			}
		})
	if err != nil || made.Source != "team/box:1" {
		t.Fatalf("%+v, %v", made, err)
	}
	if n := len(seen); n < 2 || seen[0].State != api.ImageFetching || seen[n-1].State != api.ImageLoading || seen[n-1].Bytes < 3<<20 {
		t.Errorf("it went %+v", seen)
	}
	if out := borrower.ok("container", "exec", "box", "ls", "/noise"); out != "/noise\n" {
		t.Errorf("in the container: %q", out)
	}
	borrower.ok("container", "rm", "box")
	if errs, code := create("--image", "team/none:1"); code == 0 || !strings.Contains(errs, "not on this machine") {
		t.Errorf("an image that nobody has: exit %d, %q", code, errs)
	}
}

// A lender that is killed while its engine takes an image has nothing half: the
// next try ends well, costs no bytes, and leaves one image under one name.
func TestKillWhileImageLoads(t *testing.T) {
	nodes, engines := imagePool(t, 1)
	lender := nodes[1]
	engines[0].make("team/tool:1", 24<<20)
	req := api.SendImage{Image: "team/tool:1", Peers: []api.PeerID{lender.id()}}
	killed := false
	err := nodes[0].api.SendImage(context.Background(), req, func(p api.ImageProgress) error {
		if p.State == api.ImageLoading && !killed {
			lender.kill()
			killed = true
		}
		return nil
	})
	if err != nil || !killed {
		t.Fatalf("killed %v, %v", killed, err)
	}
	lender.up()
	nodes[0].seesAlive(20*time.Second, 2)
	before := nodes[0].bytesSent()
	out := nodes[0].ok("image", "send", "team/tool:1", "n1")
	t.Logf("after the restart: %s", out)
	if sent := nodes[0].bytesSent() - before; sent > 0 {
		t.Errorf("%d bytes were sent again", sent)
	}
	if names := engines[1].names(); len(names) != 1 || !strings.HasPrefix(names[0], "p2prc-") {
		t.Errorf("the lender's engine has %v", names)
	}
	all, err := lender.api.Images(context.Background())
	if err != nil || len(all) != 1 || all[0].For != nodes[0].id() {
		t.Errorf("the lender lists %+v, %v", all, err)
	}
}

// found is a node's image of a name.
func found(t *testing.T, n *node, name string) api.Image {
	t.Helper()
	all, err := n.api.Images(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		for _, tag := range i.Tags {
			if tag == name {
				return i
			}
		}
	}
	t.Fatalf("%s has no image %s: %+v", n.name, name, all)
	return api.Image{}
}
