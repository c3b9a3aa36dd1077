package main

import (
	"errors"
	"math"

	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// scene is a mesh, moved and scaled into a ball of radius 1 round the origin,
// on a ground that touches its lowest point, with what lights it.
type scene struct {
	mesh      *wavefront.Mesh
	tree      *bvh
	materials []material
	ground    float64 // its height
	sky       sky
	lamps     lamps
}

// newScene takes the mesh over and changes it. A mesh without extent is an error.
func newScene(m *wavefront.Mesh) (*scene, error) {
	ground, err := normalise(m)
	if err != nil {
		return nil, err
	}
	s := &scene{mesh: m, tree: newBVH(m), ground: ground, sky: daylight}
	for _, mat := range m.Materials {
		s.materials = append(s.materials, newMaterial(mat))
	}
	s.lamps = newLamps(m)
	if len(s.lamps.list) > 0 {
		s.sky = dusk
	}
	return s, nil
}

// normalise moves the vertices that faces use into the unit ball.
func normalise(m *wavefront.Mesh) (ground float64, err error) {
	lo, hi := vec{math.Inf(1), math.Inf(1), math.Inf(1)}, vec{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	used := func(do func(v vec)) {
		for _, t := range m.Triangles {
			for _, i := range t.V {
				do(fromArray(m.Vertices[i]))
			}
		}
	}
	used(func(v vec) {
		lo = vec{min(lo.x, v.x), min(lo.y, v.y), min(lo.z, v.z)}
		hi = vec{max(hi.x, v.x), max(hi.y, v.y), max(hi.z, v.z)}
	})
	middle, r2 := lo.add(hi).scale(0.5), 0.0
	used(func(v vec) { d := v.sub(middle); r2 = max(r2, d.dot(d)) })
	r := math.Sqrt(r2)
	if r <= 0 || math.IsInf(1/r, 0) {
		return 0, errors.New("all faces lie in one point, so there is nothing to see")
	}
	for i, v := range m.Vertices {
		p := fromArray(v).sub(middle).scale(1 / r)
		m.Vertices[i] = [3]float32{float32(p.x), float32(p.y), float32(p.z)}
	}
	return (lo.y - middle.y) / r, nil
}

// material is a wavefront material in the numbers that shading wants.
type material struct {
	diffuse, gloss, glow vec
	roughness            float64 // 0 mirrors sharply, 1 not at all
	opacity              float64
}

func newMaterial(m wavefront.Material) material {
	out := material{
		diffuse: fromArray(m.Diffuse), gloss: fromArray(m.Gloss), glow: fromArray(m.Glow),
		roughness: math.Sqrt(2 / (float64(m.Shine) + 2)), opacity: float64(m.Opacity),
	}
	// A file whose diffuse and mirrored shares sum up to more than all light
	// would glow by itself.
	if sum := out.diffuse.add(out.gloss).most(); sum > 1 {
		out.diffuse, out.gloss = out.diffuse.scale(1/sum), out.gloss.scale(1/sum)
	}
	return out
}

// surface is what a ray met.
type surface struct {
	at     vec
	face   vec // the geometric normal, towards where the ray came from
	normal vec // the smooth one, on the same side
	mat    material
}

// surfaceOf works out a hit on the mesh.
func (s *scene) surfaceOf(h hit, from, dir vec) surface {
	t := &s.mesh.Triangles[h.tri]
	a := fromArray(s.mesh.Vertices[t.V[0]])
	ab, ac := fromArray(s.mesh.Vertices[t.V[1]]).sub(a), fromArray(s.mesh.Vertices[t.V[2]]).sub(a)
	out := surface{at: from.add(dir.scale(h.t)), face: ab.cross(ac).unit(), mat: s.materials[t.Material]}
	out.normal = out.face
	if t.N[0] >= 0 && t.N[1] >= 0 && t.N[2] >= 0 {
		n := fromArray(s.mesh.Normals[t.N[0]]).scale(1 - h.u - h.v).
			add(fromArray(s.mesh.Normals[t.N[1]]).scale(h.u)).
			add(fromArray(s.mesh.Normals[t.N[2]]).scale(h.v)).unit()
		if n.dot(n) > 0.5 {
			out.normal = n
		}
	}
	if out.face.dot(dir) > 0 {
		out.face = out.face.scale(-1)
	}
	// Files are not always wound as their normals say: the side the ray came
	// from decides.
	if out.normal.dot(out.face) < 0 {
		out.normal = out.normal.scale(-1)
	}
	return out
}

// The ground is a board of two greys.
var (
	light = material{diffuse: vec{0.62, 0.60, 0.56}, opacity: 1}
	dark  = material{diffuse: vec{0.17, 0.20, 0.25}, opacity: 1}
)

const square = 0.32 // a side of the board's squares

func groundAt(p vec) surface {
	mat := light
	if (int(math.Floor(p.x/square))+int(math.Floor(p.z/square)))&1 != 0 {
		mat = dark
	}
	up := vec{0, 1, 0}
	return surface{at: p, face: up, normal: up, mat: mat}
}
