package demo

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/teapot"
	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// sceneFile is the name under which every task finds the scene.
const sceneFile = "scene.obj"

// scene is a mesh as the files that a task gets.
type scene struct {
	name      string
	triangles int
	files     []file
}

// file is one input: bytes made here, or a file of the user's.
type file struct {
	path  string // below the task's directory
	local string // on this machine, if content is nil
	bytes []byte
}

func (f file) open() (io.ReadCloser, error) {
	if f.bytes != nil {
		return io.NopCloser(bytes.NewReader(f.bytes)), nil
	}
	return os.Open(f.local)
}

// memory is what a task needs: measured with wasm, 430 MB for 2,000,000 triangles.
func (s *scene) memory() int64 { return 128<<20 + 300*int64(s.triangles) }

// loadScene reads the scene whole, so that a broken one is refused here, by
// file and line, and not by every task. Warnings go to stderr.
func loadScene(name string, stderr io.Writer) (*scene, error) {
	if name == "" {
		return teapotScene()
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, api.Errorf(api.KindNotFound, "there is no scene %s", name).WithHint("--scene takes a Wavefront OBJ file")
	}
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "the scene cannot be read: %w", err)
	}
	dir := filepath.Dir(name)
	root := os.DirFS(dir)
	mesh, err := wavefront.Read(f, name, func(lib string) (io.ReadCloser, error) {
		if lib == sceneFile || !fs.ValidPath(lib) {
			return nil, fs.ErrInvalid
		}
		return root.Open(lib)
	})
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, sceneError(err)
	}
	for _, w := range mesh.Warnings {
		say(stderr, "warning: %s", w)
	}
	s := &scene{name: filepath.Base(name), triangles: len(mesh.Triangles), files: []file{{path: sceneFile, local: name}}}
	for _, lib := range mesh.Libraries {
		s.files = append(s.files, file{path: lib, local: filepath.Join(dir, filepath.FromSlash(lib))})
	}
	return s, nil
}

func sceneError(err error) error {
	var e *wavefront.Error
	switch {
	case !errors.As(err, &e):
		return api.Errorf(api.KindInvalid, "the scene cannot be read: %w", err).WithHint("--scene takes a Wavefront OBJ file")
	case e.TooLarge:
		return api.Errorf(api.KindTooLarge, "%w", err).
			WithHint("a scene may have %d triangles and %d vertices: reduce the mesh", wavefront.MaxTriangles, wavefront.MaxVertices)
	}
	return api.Errorf(api.KindInvalid, "%w", err).WithHint("is it a Wavefront OBJ file? docs/demo.md says what is read")
}

func teapotScene() (*scene, error) {
	const library = "teapot.mtl"
	mesh := teapot.Mesh(8)
	var obj, mtl bytes.Buffer
	if err := errors.Join(wavefront.Write(&obj, mesh, library), wavefront.WriteMaterials(&mtl, mesh)); err != nil {
		return nil, err
	}
	return &scene{name: "the Utah teapot", triangles: len(mesh.Triangles), files: []file{
		{path: sceneFile, bytes: obj.Bytes()}, {path: library, bytes: mtl.Bytes()},
	}}, nil
}
