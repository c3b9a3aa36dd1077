package teapot

import (
	"math"

	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// Mesh is the teapot with each patch cut into n by n quadrilaterals of two
// triangles, y upwards, about 6.4 wide, 3.15 high and 4 deep. n below 1 counts
// as 1, above 128 as 128. Where a patch shrinks to a point there are triangles
// only, so Mesh(n) has 64*n*n - 8*n of them.
func Mesh(n int) *wavefront.Mesh {
	n = min(max(n, 1), 128)
	b := &builder{
		n: n, vertex: map[wavefront.Vec]int32{}, normal: map[wavefront.Vec]int32{},
		mesh: &wavefront.Mesh{Materials: []wavefront.Material{glaze}},
	}
	for _, p := range patches {
		b.patch(p)
	}
	return b.mesh
}

// glaze is a glossy red.
var glaze = wavefront.Material{
	Name: "glaze", Diffuse: wavefront.Vec{0.62, 0.06, 0.02}, Gloss: wavefront.Vec{0.06, 0.06, 0.06}, Shine: 2500, Opacity: 1,
}

type builder struct {
	n              int
	mesh           *wavefront.Mesh
	vertex, normal map[wavefront.Vec]int32
}

// patch adds one patch. Equal points are one vertex: edges of neighbours have
// the same control points, and point below gives the same bits for an edge
// from either side.
func (b *builder) patch(p [16]int) {
	v := make([]int32, 0, (b.n+1)*(b.n+1))
	n := make([]int32, 0, (b.n+1)*(b.n+1))
	for i := range b.n + 1 {
		for j := range b.n + 1 {
			pos, nrm := surface(p, i, j, b.n)
			v = append(v, index(b.vertex, &b.mesh.Vertices, pos))
			n = append(n, index(b.normal, &b.mesh.Normals, nrm))
		}
	}
	row := b.n + 1
	for i := range b.n {
		for j := range b.n {
			a := i*row + j
			b.triangle(v, n, a, a+1, a+row+1)
			b.triangle(v, n, a, a+row+1, a+row)
		}
	}
}

func (b *builder) triangle(v, n []int32, i, j, k int) {
	if v[i] == v[j] || v[j] == v[k] || v[k] == v[i] {
		return
	}
	b.mesh.Triangles = append(b.mesh.Triangles, wavefront.Triangle{
		V: [3]int32{v[i], v[j], v[k]}, N: [3]int32{n[i], n[j], n[k]},
	})
}

func index(have map[wavefront.Vec]int32, list *[]wavefront.Vec, v wavefront.Vec) int32 {
	i, ok := have[v]
	if !ok {
		i = int32(len(*list))
		have[v], *list = i, append(*list, v)
	}
	return i
}

type vec3 [3]float64

// surface is the point of a patch at row i and column j of n, and the outward
// normal there, both turned so that y is up and rounded to what a text file holds.
func surface(p [16]int, i, j, n int) (pos, normal wavefront.Vec) {
	bu, du := bernstein(i, n)
	bv, dv := bernstein(j, n)
	var at, alongU, alongV vec3
	for axis := range 3 {
		var rows, drows [4]float64
		for r := range 4 {
			c := func(k int) float64 { return points[p[4*r+k]-1][axis] }
			rows[r] = sum(bv, c(0), c(1), c(2), c(3))
			drows[r] = sum(dv, c(0), c(1), c(2), c(3))
		}
		at[axis] = sum(bu, rows[0], rows[1], rows[2], rows[3])
		alongU[axis] = sum(du, rows[0], rows[1], rows[2], rows[3])
		alongV[axis] = sum(bu, drows[0], drows[1], drows[2], drows[3])
	}
	cross := vec3{
		alongV[1]*alongU[2] - alongV[2]*alongU[1],
		alongV[2]*alongU[0] - alongV[0]*alongU[2],
		alongV[0]*alongU[1] - alongV[1]*alongU[0],
	}
	l := math.Sqrt(cross[0]*cross[0] + cross[1]*cross[1] + cross[2]*cross[2])
	if l < 1e-9 { // the tip of the lid and the middle of the bottom, both on the axis
		cross, l = vec3{0, 0, 1}, 1
		if at[2] < 1 {
			cross[2] = -1
		}
	}
	return upright(at, 1e5), upright(vec3{cross[0] / l, cross[1] / l, cross[2] / l}, 1e4)
}

// bernstein is the cubic basis and its derivative at i/n. Both are mirror
// images of those at (n-i)/n to the last bit.
func bernstein(i, n int) (b, d [4]float64) {
	t, s := float64(i)/float64(n), float64(n-i)/float64(n)
	b = [4]float64{s * s * s, 3 * (s * s * t), 3 * (t * t * s), t * t * t}
	d = [4]float64{-3 * (s * s), 3 * (s*s - 2*(s*t)), 3 * (2*(s*t) - t*t), 3 * (t * t)}
	return b, d
}

// sum pairs first with last so that a reversed row sums to the same bits.
func sum(w [4]float64, a, b, c, d float64) float64 {
	return (float64(w[0]*a) + float64(w[3]*d)) + (float64(w[1]*b) + float64(w[2]*c))
}

func upright(v vec3, scale float64) wavefront.Vec {
	round := func(f float64) float32 {
		return float32(math.Round(f*scale)/scale) + 0 // never a negative zero
	}
	return wavefront.Vec{round(v[0]), round(v[2]), round(-v[1])}
}
