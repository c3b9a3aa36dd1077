package wavefront

import (
	"bytes"
	"strconv"
)

// face reads the corners of an f line and cuts them into triangles.
func (p *parser) face() error {
	p.corners = p.corners[:0]
	for _, f := range p.fields[1:] {
		c, err := p.corner(f)
		if err != nil {
			return err
		}
		p.corners = append(p.corners, c)
	}
	if len(p.corners) < 3 {
		return p.errorf("a face needs three corners, this one has %d", len(p.corners))
	}
	if err := p.bound("triangles", len(p.mesh.Triangles)+len(p.corners)-2, MaxTriangles); err != nil {
		return err
	}
	if len(p.corners) == 3 {
		p.triangle(0, 1, 2)
		return nil
	}
	p.poly.set(p.mesh.Vertices, p.corners)
	switch {
	case p.poly.convex():
		p.fan()
	case len(p.corners) > maxEars:
		p.warn("concave", "a concave face of %d corners is cut as if it were convex", len(p.corners))
		p.fan()
	default:
		p.poly.ears(p.triangle)
	}
	return nil
}

func (p *parser) fan() {
	for i := 2; i < len(p.corners); i++ {
		p.triangle(0, i-1, i)
	}
}

func (p *parser) triangle(a, b, c int) {
	t := Triangle{Material: p.material}
	for i, k := range [3]int{a, b, c} {
		t.V[i], t.N[i] = p.corners[k].v, p.corners[k].n
	}
	p.mesh.Triangles = append(p.mesh.Triangles, t)
}

// corner reads v, v/t, v//n or v/t/n.
func (p *parser) corner(f []byte) (corner, error) {
	c := corner{n: -1}
	first, rest, slash := bytes.Cut(f, []byte{'/'})
	v, err := p.index(f, first, len(p.mesh.Vertices), "vertex")
	if err != nil {
		return c, err
	}
	c.v = v
	if !slash {
		return c, nil
	}
	texture, normal, _ := bytes.Cut(rest, []byte{'/'})
	if len(texture) > 0 {
		if _, err := p.index(f, texture, p.textures, "texture coordinate"); err != nil {
			return c, err
		}
	}
	if len(normal) > 0 {
		if c.n, err = p.index(f, normal, len(p.mesh.Normals), "normal"); err != nil {
			return c, err
		}
	}
	return c, nil
}

// index reads an index, from 1 or from -1 backwards, of something of which have are defined.
func (p *parser) index(whole, digits []byte, have int, what string) (int32, error) {
	n, negative, ok := 0, false, len(digits) > 0
	if ok && (digits[0] == '-' || digits[0] == '+') {
		negative, digits = digits[0] == '-', digits[1:]
		ok = len(digits) > 0
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			ok = false
			break
		}
		if n <= MaxVertices { // beyond that the value no longer matters
			n = n*10 + int(d-'0')
		}
	}
	switch {
	case !ok:
		return 0, p.errorf("%q is not a corner of a face", clip(whole))
	case n == 0 || n > have:
		return 0, p.errorf("corner %q: %s %s is out of range, %d defined so far", clip(whole), what, sign(negative, n), have)
	case negative:
		return int32(have - n), nil
	}
	return int32(n - 1), nil
}

func sign(negative bool, n int) string {
	s := strconv.Itoa(n)
	if n > MaxVertices {
		s = "beyond " + strconv.Itoa(MaxVertices)
	}
	if negative {
		return "-" + s
	}
	return s
}
