package wavefront

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
)

// Open opens a material file by its slash-separated path relative to the OBJ's
// folder. It is never asked for a path that leaves that folder.
type Open func(name string) (io.ReadCloser, error)

// Read reads an OBJ file and, through open, the material files it names. The
// name stands in errors. Errors about the content are of type *Error.
func Read(r io.Reader, name string, open Open) (*Mesh, error) {
	p := &parser{
		lines: newLines(name, r), open: open,
		mesh:   &Mesh{Materials: []Material{grey}},
		byName: map[string]int32{}, warned: map[string]bool{},
	}
	for {
		err := p.scan()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := p.statement(); err != nil {
			return nil, err
		}
	}
	if len(p.mesh.Triangles) == 0 {
		return nil, errorAt(name, 0, "there are no faces in it, so there is nothing to see")
	}
	return p.mesh, nil
}

type parser struct {
	*lines
	open     Open
	mesh     *Mesh
	textures int // vt seen
	material int32
	byName   map[string]int32
	warned   map[string]bool
	corners  []corner // of the face being read
	poly     polygon
}

type corner struct{ v, n int32 }

func (p *parser) statement() error {
	switch string(p.fields[0]) {
	case "v":
		v, err := p.vec()
		if err != nil {
			return err
		}
		p.mesh.Vertices = append(p.mesh.Vertices, v)
		return p.bound("vertices", len(p.mesh.Vertices), MaxVertices)
	case "vn":
		n, err := p.vec()
		if err != nil {
			return err
		}
		p.mesh.Normals = append(p.mesh.Normals, unit(n))
		return p.bound("normals", len(p.mesh.Normals), MaxVertices)
	case "vt":
		p.textures++
		return p.bound("texture coordinates", p.textures, MaxVertices)
	case "f", "fo":
		return p.face()
	case "usemtl":
		p.use(p.rest())
	case "mtllib":
		return p.libraries()
	}
	return nil
}

func (p *parser) bound(what string, have, limit int) error {
	if have <= limit {
		return nil
	}
	e := p.errorf("more than %d %s", limit, what)
	e.TooLarge = true
	return e
}

// rest is all after the keyword: names may hold blanks.
func (p *parser) rest() string {
	words := make([]string, 0, len(p.fields)-1)
	for _, f := range p.fields[1:] {
		words = append(words, string(f))
	}
	return strings.Join(words, " ")
}

func (p *parser) warn(key, format string, args ...any) {
	if p.warned[key] || len(p.mesh.Warnings) >= maxWarnings {
		return
	}
	p.warned[key] = true
	p.mesh.Warnings = append(p.mesh.Warnings, p.errorf(format, args...).Error())
}

func (p *parser) use(name string) {
	i, ok := p.byName[name]
	if !ok && name != "" && len(p.mesh.Libraries) > 0 {
		p.warn("usemtl "+name, "material %q is not defined, using grey", clip([]byte(name)))
	}
	p.material = i
}

// libraries reads each file of a mtllib line. One whose name holds blanks is
// tried as a whole first, as most exporters write it.
func (p *parser) libraries() error {
	whole := p.rest()
	if whole == "" {
		return p.errorf("mtllib needs a file name")
	}
	found, err := p.library(whole)
	if found || err != nil {
		return err
	}
	if len(p.fields) > 2 {
		any := false
		for _, f := range p.fields[1:] {
			found, err := p.library(string(f))
			if err != nil {
				return err
			}
			any = any || found
		}
		if any {
			return nil
		}
	}
	p.warn("mtllib "+whole, "material file %q cannot be read from the scene's folder, using grey", clip([]byte(whole)))
	return nil
}

func (p *parser) library(name string) (found bool, err error) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if p.open == nil || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(clean, ":\x00") {
		return false, nil
	}
	for _, have := range p.mesh.Libraries {
		if have == clean {
			return true, nil
		}
	}
	f, openErr := p.open(clean)
	if openErr != nil {
		return false, nil // the caller warns: a scene without its colours is still a scene
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p.mesh.Libraries = append(p.mesh.Libraries, clean)
	if len(p.mesh.Libraries) > 100 {
		return true, p.errorf("more than 100 material files")
	}
	return true, p.readMaterials(f, clean)
}

func unit(v Vec) Vec {
	x, y, z := float64(v[0]), float64(v[1]), float64(v[2])
	l := math.Sqrt(x*x + y*y + z*z)
	if l < 1e-20 || math.IsInf(l, 0) {
		return Vec{}
	}
	return Vec{float32(x / l), float32(y / l), float32(z / l)}
}

func errorAt(file string, line int, format string, args ...any) *Error {
	return &Error{File: file, Line: line, Msg: fmt.Sprintf(format, args...)}
}
