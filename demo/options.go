package demo

import (
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Options says what to render. Zero values are the defaults.
type Options struct {
	Scene   string // a Wavefront OBJ; empty: the Utah teapot
	Frames  int    // 24; the camera goes once round the scene in them
	Size    string // WIDTHxHEIGHT, 256x192
	Samples int    // light paths per pixel at most, 8
	Nodes   int    // 3
	Out     string // folder for the pictures, "out"
	Program string // path of p2prc, to start nodes with
	Stdout  io.Writer
	Stderr  io.Writer
	// Width is the terminal's on Stderr, 0 when it is none.
	Width int
}

// Limits of what may be asked for.
const (
	maxFrames  = 1000
	maxSide    = 4096
	maxSamples = 4096
	maxNodes   = 16
	maxPixels  = 256 << 20 // of all frames together: the animation is made in memory
)

// plan is Options, checked.
type plan struct {
	frames, width, height int
	samples, nodes        int
	slots                 int // that each node lends
	out                   string
}

func (o Options) plan() (plan, error) {
	p := plan{frames: 24, width: 256, height: 192, samples: 8, nodes: 3, out: "out"}
	for _, n := range []struct {
		flag  string
		value int
		most  int
		into  *int
	}{
		{"--frames", o.Frames, maxFrames, &p.frames},
		{"--samples", o.Samples, maxSamples, &p.samples},
		{"--nodes", o.Nodes, maxNodes, &p.nodes},
	} {
		if n.value < 0 || n.value > n.most {
			return p, api.Errorf(api.KindUsage, "%s %d is out of range", n.flag, n.value).WithHint("1 to %d", n.most)
		}
		if n.value > 0 {
			*n.into = n.value
		}
	}
	if o.Size != "" {
		w, h, _ := strings.Cut(o.Size, "x")
		var errW, errH error
		p.width, errW = strconv.Atoi(w)
		p.height, errH = strconv.Atoi(h)
		if errW != nil || errH != nil || min(p.width, p.height) < 1 || max(p.width, p.height) > maxSide {
			return p, api.Errorf(api.KindUsage, "--size %q is not a size", o.Size).WithHint("WIDTHxHEIGHT, each from 1 to %d, like 320x240", maxSide)
		}
	}
	if pixels := p.frames * p.width * p.height; pixels > maxPixels {
		return p, api.Errorf(api.KindTooLarge, "%d frames of %dx%d are too much for one animation", p.frames, p.width, p.height).
			WithHint("frames times width times height may be %d", maxPixels)
	}
	if o.Out != "" {
		p.out = o.Out
	}
	// The nodes share one machine: together they lend about what it has.
	p.slots = max(1, runtime.NumCPU()/p.nodes)
	return p, nil
}
