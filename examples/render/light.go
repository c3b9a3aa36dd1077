package main

import (
	"math"
	"sort"

	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// sky is a dome that goes from one colour at the horizon to another overhead,
// and a sun of some width, which is sampled by itself.
type sky struct {
	horizon, zenith vec
	sun             vec     // what it lights a surface that faces it with
	towards         vec     // where it stands
	spread          float64 // its radius as a share of its distance: soft shadows
}

var (
	daylight = sky{
		horizon: vec{0.72, 0.80, 0.92}, zenith: vec{0.16, 0.32, 0.72},
		sun: vec{2.6, 2.3, 1.85}, towards: vec{-0.5, 0.75, 0.45}.unit(), spread: 0.07,
	}
	// dusk is for scenes that bring their own light.
	dusk = sky{horizon: vec{0.06, 0.06, 0.08}, zenith: vec{0.015, 0.02, 0.04}, towards: vec{0, 1, 0}}
)

// colour is the dome's light from a direction, without the sun.
func (s *sky) colour(dir vec) vec {
	up := max(0, dir.y)
	return mix(s.horizon, s.zenith, math.Sqrt(up)*(1.3-0.3*up))
}

// sample is a direction to some point of the sun's disc.
func (s *sky) sample(u, v float64) vec {
	r, phi := s.spread*math.Sqrt(u), 2*math.Pi*v
	t, b := basis(s.towards)
	return s.towards.add(t.scale(r * math.Cos(phi))).add(b.scale(r * math.Sin(phi))).unit()
}

// lamps are the triangles that give off light, chosen by their power.
type lamps struct {
	list  []lamp
	total float64
}

type lamp struct {
	a, ab, ac, normal vec
	glow              vec
	density           float64 // of a point on it being chosen, per area
	upTo              float64 // power of this one and those before it
}

func newLamps(m *wavefront.Mesh) lamps {
	var l lamps
	for _, t := range m.Triangles {
		glow := fromArray(m.Materials[t.Material].Glow)
		if glow.most() <= 0 {
			continue
		}
		a := fromArray(m.Vertices[t.V[0]])
		ab, ac := fromArray(m.Vertices[t.V[1]]).sub(a), fromArray(m.Vertices[t.V[2]]).sub(a)
		n := ab.cross(ac)
		area := n.length() / 2
		if area <= 0 {
			continue
		}
		l.total += area * glow.most()
		l.list = append(l.list, lamp{a: a, ab: ab, ac: ac, normal: n.unit(), glow: glow, density: glow.most(), upTo: l.total})
	}
	for i := range l.list {
		l.list[i].density /= l.total
	}
	return l
}

// sample is a point on a lamp, chosen by the power of lamps.
func (l *lamps) sample(pick, u, v float64) (at vec, of *lamp) {
	i := sort.Search(len(l.list), func(i int) bool { return l.list[i].upTo > pick*l.total })
	of = &l.list[min(i, len(l.list)-1)]
	r := math.Sqrt(u)
	return of.a.add(of.ab.scale(r * (1 - v))).add(of.ac.scale(r * v)), of
}
