package main

import (
	"math"

	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// bvh is a tree of boxes over triangles, built by the surface area heuristic
// over bins. Triangles lie in the order of the leaves, so that a leaf is one
// run of memory.
type bvh struct {
	nodes []node
	tris  []triangle
}

// node is a box. A leaf has count triangles from first on; else its children
// are first and first+1.
type node struct {
	lo, hi [3]float32
	first  int32
	count  int32
}

// triangle is its corners, and its number in the mesh.
type triangle struct {
	a, b, c [3]float32
	source  int32
}

const (
	bins    = 12
	maxLeaf = 4
	// A deeper tree than this is cut off with a large leaf: many triangles in one place.
	maxDepth = 60
)

type builder struct {
	mesh  *wavefront.Mesh
	order []int32
	nodes []node
}

// newBVH builds the tree of all triangles of the mesh that have an area.
func newBVH(m *wavefront.Mesh) *bvh {
	b := &builder{mesh: m, order: make([]int32, 0, len(m.Triangles))}
	for i, t := range m.Triangles {
		a := fromArray(m.Vertices[t.V[0]])
		n := fromArray(m.Vertices[t.V[1]]).sub(a).cross(fromArray(m.Vertices[t.V[2]]).sub(a))
		if n.dot(n) > 0 {
			b.order = append(b.order, int32(i))
		}
	}
	b.nodes = append(make([]node, 0, len(b.order)), node{count: int32(len(b.order))})
	b.split(0, 0)
	t := &bvh{nodes: b.nodes, tris: make([]triangle, len(b.order))}
	for i, k := range b.order {
		v := m.Triangles[k].V
		t.tris[i] = triangle{a: m.Vertices[v[0]], b: m.Vertices[v[1]], c: m.Vertices[v[2]], source: k}
	}
	return t
}

// box is the extent of a triangle, and twice its middle.
func (b *builder) box(k int32) (lo, hi, mid [3]float32) {
	v := b.mesh.Triangles[k].V
	p, q, r := &b.mesh.Vertices[v[0]], &b.mesh.Vertices[v[1]], &b.mesh.Vertices[v[2]]
	for i := range 3 {
		// Written out: min and max are function calls in WebAssembly.
		l, h := p[i], p[i]
		if q[i] < l {
			l = q[i]
		} else if q[i] > h {
			h = q[i]
		}
		if r[i] < l {
			l = r[i]
		} else if r[i] > h {
			h = r[i]
		}
		lo[i], hi[i], mid[i] = l, h, l/2+h/2
	}
	return lo, hi, mid
}

// bin gathers the triangles whose middle falls into one slice of a node.
type bin struct {
	lo, hi [3]float32
	count  int32
}

var emptyBin = bin{
	lo: [3]float32{math.MaxFloat32, math.MaxFloat32, math.MaxFloat32},
	hi: [3]float32{-math.MaxFloat32, -math.MaxFloat32, -math.MaxFloat32},
}

func (b *bin) grow(lo, hi [3]float32, count int32) {
	for i := range 3 {
		if lo[i] < b.lo[i] {
			b.lo[i] = lo[i]
		}
		if hi[i] > b.hi[i] {
			b.hi[i] = hi[i]
		}
	}
	b.count += count
}

// area is half the surface, 0 for an empty bin.
func (b *bin) area() float64 {
	if b.count == 0 {
		return 0
	}
	x, y, z := float64(b.hi[0])-float64(b.lo[0]), float64(b.hi[1])-float64(b.lo[1]), float64(b.hi[2])-float64(b.lo[2])
	return x*y + y*z + z*x
}

// split turns node at into a leaf or into two children, and those likewise.
func (b *builder) split(at int32, depth int) {
	n := &b.nodes[at]
	part := b.order[n.first : n.first+n.count]
	whole, mids := emptyBin, emptyBin
	for _, k := range part {
		lo, hi, mid := b.box(k)
		whole.grow(lo, hi, 1)
		mids.grow(mid, mid, 1)
	}
	n.lo, n.hi = whole.lo, whole.hi
	if len(part) <= 1 || depth >= maxDepth {
		return
	}
	axis := 0
	for i := 1; i < 3; i++ {
		if mids.hi[i]-mids.lo[i] > mids.hi[axis]-mids.lo[axis] {
			axis = i
		}
	}
	from, width := float64(mids.lo[axis]), float64(mids.hi[axis])-float64(mids.lo[axis])
	if width <= 0 { // all in one place
		return
	}
	slice := func(mid [3]float32) int { return min(bins-1, int((float64(mid[axis])-from)/width*bins)) }
	var full [bins]bin
	for i := range full {
		full[i] = emptyBin
	}
	for _, k := range part {
		lo, hi, mid := b.box(k)
		full[slice(mid)].grow(lo, hi, 1)
	}
	cut, cost := cheapest(&full)
	if len(part) <= maxLeaf && cost >= whole.area()*float64(len(part)) {
		return
	}
	left := 0
	for i := range part {
		if _, _, mid := b.box(part[i]); slice(mid) < cut {
			part[left], part[i] = part[i], part[left]
			left++
		}
	}
	first, child := n.first, int32(len(b.nodes))
	total := n.count
	n.first, n.count = child, 0
	b.nodes = append(b.nodes, node{first: first, count: int32(left)}, node{first: first + int32(left), count: total - int32(left)})
	b.split(child, depth+1)
	b.split(child+1, depth+1)
}

// cheapest is the cut, before bin cut, with the least area times triangles on
// its two sides. There is always one: the first and the last bin hold something.
func cheapest(full *[bins]bin) (cut int, cost float64) {
	var right [bins]float64
	sum := emptyBin
	for i := bins - 1; i > 0; i-- {
		sum.grow(full[i].lo, full[i].hi, full[i].count)
		right[i] = sum.area() * float64(sum.count)
	}
	cut, cost = 1, math.Inf(1)
	sum = emptyBin
	for i := 1; i < bins; i++ {
		sum.grow(full[i-1].lo, full[i-1].hi, full[i-1].count)
		if c := sum.area()*float64(sum.count) + right[i]; c < cost {
			cut, cost = i, c
		}
	}
	return cut, cost
}
