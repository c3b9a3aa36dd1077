// Command render is a path tracer for triangle meshes, made to be a task: it
// reads a Wavefront OBJ scene, renders one frame of a camera's way round it, and
// writes a PNG. It uses the standard library only, runs as a program and as a
// WebAssembly module (GOOS=wasip1 GOARCH=wasm), and makes the same picture of
// the same frame wherever it runs.
//
//	render -scene scene.obj -frame 3 -frames 24 -size 256x192 -samples 8 -out frame-0003.png
//
// Without -scene it renders the Utah teapot. Materials come from the scene's
// MTL files (Kd, Ks, Ns, Ke, d); files are read from the scene's folder only. A
// mesh that gives off light (Ke) is lit by it, any other by sun and sky. A scene
// may have 2,000,000 triangles; that many take about 450 MB of memory.
package main

import (
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/internal/teapot"
	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// Limits of a picture.
const (
	maxSide    = 8192
	maxSamples = 65536
	maxFrames  = 1_000_000
)

func main() {
	err := run(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type options struct {
	view
	scene, out string
}

// run is the program. Warnings go to stderr.
func run(args []string, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	mesh, err := load(o.scene)
	if err != nil {
		return err
	}
	for _, w := range mesh.Warnings {
		fmt.Fprintln(stderr, "warning:", w)
	}
	s, err := newScene(mesh)
	if err != nil {
		return fmt.Errorf("%s: %w", o.scene, err)
	}
	picture := s.render(o.view)
	f, err := os.Create(o.out)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, picture), f.Close())
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{view: view{frames: 24, width: 256, height: 192, samples: 8}}
	fl := flag.NewFlagSet("render", flag.ContinueOnError)
	fl.SetOutput(stderr)
	fl.StringVar(&o.scene, "scene", "", "Wavefront OBJ `file`; the Utah teapot if empty")
	fl.StringVar(&o.out, "out", "frame.png", "PNG `file` to write")
	// Not flag's own integers: those read 0010 as eight, and frame numbers are padded.
	integer := func(into *int, name string, lowest, highest int, usage string) {
		fl.Func(name, usage, func(s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < lowest || n > highest {
				return fmt.Errorf("want a whole number from %d to %d", lowest, highest)
			}
			*into = n
			return nil
		})
	}
	fl.BoolVar(&o.raw, "raw", false, "all samples for every pixel, and the noise left in")
	integer(&o.frame, "frame", 0, maxFrames, "`number` of the frame, from 0 (default 0)")
	integer(&o.frames, "frames", 1, maxFrames, "`number` of frames in which the camera goes round once (default 24)")
	integer(&o.samples, "samples", 1, maxSamples, "light paths per pixel at most, a `number` (default 8)")
	fl.Func("size", "`WxH` of the picture in pixels (default 256x192)", func(s string) error {
		w, h, _ := strings.Cut(s, "x")
		var errW, errH error
		o.width, errW = strconv.Atoi(w)
		o.height, errH = strconv.Atoi(h)
		if errW != nil || errH != nil || min(o.width, o.height) < 1 || max(o.width, o.height) > maxSide {
			return fmt.Errorf("want WIDTHxHEIGHT, each from 1 to %d", maxSide)
		}
		return nil
	})
	if err := fl.Parse(args); err != nil {
		return o, err
	}
	if fl.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", fl.Arg(0))
	}
	return o, nil
}

// load reads the scene, or makes the teapot.
func load(name string) (*wavefront.Mesh, error) {
	if name == "" {
		return teapot.Mesh(8), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	// A large scene is read and sorted once and then only looked at: pay for
	// memory with a little time while its pieces grow.
	if info, err := f.Stat(); err == nil && info.Size() > 16<<20 {
		debug.SetGCPercent(25)
	}
	dir := os.DirFS(filepath.Dir(name))
	mesh, err := wavefront.Read(f, name, func(name string) (io.ReadCloser, error) {
		if !fs.ValidPath(name) {
			return nil, fs.ErrInvalid
		}
		return dir.Open(name)
	})
	return mesh, errors.Join(err, f.Close())
}
