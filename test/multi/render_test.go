//go:build unix

package multi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

const povray = "../../examples/povray"

// frames renders the first frames of the POV-Ray example on lenders, into a
// folder that it answers with, and tells how long the user waited.
func (n *node) frames(count int, on ...*node) (dir string, took time.Duration) {
	n.t.Helper()
	dir = n.t.TempDir()
	args := []string{"run", "--image", ring.RenderImage, "--each", fmt.Sprintf("frame=1-%d", count),
		"--in", povray + "/knot.ini:knot.ini", "--in", povray + "/knot.pov:knot.pov", "--out", "frame-*.png", "-o", dir}
	for _, lender := range on {
		args = append(args, "--on", string(lender.id()))
	}
	began := time.Now()
	n.ok(append(args, "--", "povray", "knot.ini", "+SF{frame}", "+EF{frame}")...)
	return dir, time.Since(began)
}

// samePictures demands that two folders hold the same pictures, as a user would.
func samePictures(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.Command("go", "run", "../../examples/samepixels", a, b).CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
}

// What the pool renders is, pixel for pixel, what the same POV-Ray renders here by
// hand; and a second lender of one core brings the wait down to nearly half.
func TestPovrayOnThePool(t *testing.T) {
	ring.Need(t, "render", ring.Render())
	all := pool(t, "desk", "attic", "cellar", "barn")
	desk, lenders := all[0], all[1:]
	desk.ok("lend", "drain") // it only borrows
	for _, n := range lenders {
		n.ok("lend", "limits", "--cpus", "1")
	}
	count := ring.Size(6, 24)

	byHand := t.TempDir()
	scene, err := filepath.Abs(povray)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("docker", "run", "--rm", "--network", "none", "--user", fmt.Sprint(os.Getuid()),
		"-v", scene+":/scene:ro", "-v", byHand+":/out", "-w", "/out", ring.RenderImage,
		"povray", "+L/scene", "/scene/knot.ini", "+SF1", fmt.Sprintf("+EF%d", count)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	three, _ := desk.frames(count, lenders...)
	samePictures(t, three, byHand)
	one, alone := desk.frames(count, lenders[0])
	samePictures(t, one, byHand)
	two, both := desk.frames(count, lenders[:2]...)
	samePictures(t, two, byHand)
	ratio := both.Seconds() / alone.Seconds()
	t.Logf("%d frames: one core %.1f s, two %.1f s: %.2f", count, alone.Seconds(), both.Seconds(), ratio)
	if ring.Size(0, 1) == 1 && ratio > 0.60 { // few frames are mostly start
		t.Errorf("two lenders take %.2f of one's time", ratio)
	}
	jobs, err := desk.api.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.State != api.JobDone {
			t.Errorf("%s is %s: %s", j.ID, j.State, j.Reason)
		}
	}
}
