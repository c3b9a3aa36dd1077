package wavefront

import (
	"errors"
	"io"
	"strings"
)

// readMaterials adds the materials of one MTL file to the mesh. The first
// definition of a name stands.
func (p *parser) readMaterials(r io.Reader, name string) error {
	l := newLines(name, r)
	var m *Material // nil before the first newmtl
	for {
		err := l.scan()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key := string(l.fields[0])
		if key == "newmtl" {
			if m, err = p.newMaterial(l); err != nil {
				return err
			}
			continue
		}
		if strings.HasPrefix(key, "map_") || key == "bump" || key == "norm" {
			p.warn("textures "+name, "%s:%d: textures are not read, only colours", name, l.line)
			continue
		}
		if m == nil {
			continue
		}
		if err := m.set(l, key); err != nil {
			return err
		}
	}
}

func (p *parser) newMaterial(l *lines) (*Material, error) {
	words := make([]string, 0, len(l.fields)-1)
	for _, f := range l.fields[1:] {
		words = append(words, string(f))
	}
	name := strings.Join(words, " ")
	if name == "" {
		return nil, l.errorf("newmtl needs a name")
	}
	if _, have := p.byName[name]; have {
		return &Material{}, nil // read and checked, but the first one stands
	}
	if len(p.mesh.Materials) > MaxMaterials {
		e := l.errorf("more than %d materials", MaxMaterials)
		e.TooLarge = true
		return nil, e
	}
	p.byName[name] = int32(len(p.mesh.Materials))
	m := grey
	m.Name = name
	p.mesh.Materials = append(p.mesh.Materials, m)
	return &p.mesh.Materials[len(p.mesh.Materials)-1], nil
}

// set takes one line of a material. Keys of other shading models are passed over.
func (m *Material) set(l *lines, key string) error {
	switch key {
	case "Kd":
		return l.colour(&m.Diffuse, 1)
	case "Ks":
		return l.colour(&m.Gloss, 1)
	case "Ke":
		return l.colour(&m.Glow, 1e6)
	case "Ns":
		return l.scalar(&m.Shine, 10000)
	case "d":
		return l.scalar(&m.Opacity, 1)
	case "Tr":
		var tr float32
		if err := l.scalar(&tr, 1); err != nil {
			return err
		}
		m.Opacity = 1 - tr
	}
	return nil
}

// colour reads three numbers, or one for grey, and cuts them to 0..most.
func (l *lines) colour(into *Vec, most float32) error {
	if len(l.fields) > 1 && (string(l.fields[1]) == "spectral" || string(l.fields[1]) == "xyz") {
		return nil
	}
	if len(l.fields) == 2 {
		f, err := l.number(l.fields[1])
		if err != nil {
			return err
		}
		f = min(max(f, 0), most)
		*into = Vec{f, f, f}
		return nil
	}
	v, err := l.vec()
	if err != nil {
		return err
	}
	for i := range v {
		v[i] = min(max(v[i], 0), most)
	}
	*into = v
	return nil
}

func (l *lines) scalar(into *float32, most float32) error {
	if len(l.fields) < 2 {
		return l.errorf("%s needs a number", l.fields[0])
	}
	f, err := l.number(l.fields[len(l.fields)-1]) // the last: "d -halo 0.5"
	if err != nil {
		return err
	}
	*into = min(max(f, 0), most)
	return nil
}
