package teapot

import (
	"bytes"
	"io"
	"math"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

func TestMeshIsTheTeapot(t *testing.T) {
	const n = 8
	m := Mesh(n)
	if got, want := len(m.Triangles), 64*n*n-8*n; got != want {
		t.Errorf("%d triangles, want %d", got, want)
	}
	lo, hi := m.Vertices[0], m.Vertices[0]
	for _, v := range m.Vertices {
		for k := range v {
			lo[k], hi[k] = min(lo[k], v[k]), max(hi[k], v[k])
		}
	}
	// The known extent of the published model: handle to spout, bottom to lid, body.
	want := [2]wavefront.Vec{{-3, 0, -2}, {3.43, 3.15, 2}}
	for k := range 3 {
		if math.Abs(float64(lo[k]-want[0][k])) > 0.02 || math.Abs(float64(hi[k]-want[1][k])) > 0.02 {
			t.Errorf("axis %d reaches from %.3f to %.3f, want %.2f to %.2f", k, lo[k], hi[k], want[0][k], want[1][k])
		}
	}
}

// TestNormals checks that normals are of unit length, agree with the winding
// of their triangles, and point out of the body.
func TestNormals(t *testing.T) {
	m := Mesh(10)
	for i, tri := range m.Triangles {
		a, b, c := m.Vertices[tri.V[0]], m.Vertices[tri.V[1]], m.Vertices[tri.V[2]]
		face := cross(sub(b, a), sub(c, a))
		size := math.Sqrt(dot(face, face))
		for k := range 3 {
			n := m.Normals[tri.N[k]]
			if l := dot(n, n); math.Abs(l-1) > 1e-3 {
				t.Fatalf("triangle %d: normal %v has squared length %v", i, n, l)
			}
			if dot(face, n) < 0.3*size {
				t.Errorf("triangle %d at %v: normal %v is far from the face's, cosine %.2f", i, a, n, dot(face, n)/size)
			}
			v := m.Vertices[tri.V[k]]
			r := math.Hypot(float64(v[0]), float64(v[2]))
			if r > 1.8 && r < 1.99 && v[1] > 0.8 && v[1] < 1.2 && math.Abs(float64(v[2])) > 1 { // the belly only
				if out := float64(v[0])*float64(n[0]) + float64(v[2])*float64(n[2]); out < 0 {
					t.Errorf("triangle %d: the body's normal %v at %v points inwards", i, n, v)
				}
			}
		}
	}
}

// TestSeams checks that patches meet without a crack: an edge belongs to two
// triangles that run along it in opposite directions, except where the
// published surface ends.
func TestSeams(t *testing.T) {
	m := Mesh(6)
	edges := map[[2]int32]int{}
	for _, tri := range m.Triangles {
		for k := range 3 {
			e := [2]int32{tri.V[k], tri.V[(k+1)%3]}
			edges[e]++
			if edges[e] > 1 {
				t.Fatalf("edge %v - %v has two triangles on one side", m.Vertices[e[0]], m.Vertices[e[1]])
			}
		}
	}
	open := map[string]int{}
	for e := range edges {
		if edges[[2]int32{e[1], e[0]}] == 0 {
			open[place(m.Vertices[e[0]])]++
		}
	}
	const n = 6
	// Each end of a surface is a ring of four or two patch edges.
	want := map[string]int{"rim": 4 * n, "lid": 4 * n, "handle": 4 * n, "spout": 4 * n}
	for where, count := range open {
		if want[where] != count {
			t.Errorf("%d open edges at the %s, want %d", count, where, want[where])
		}
	}
	if len(open) != len(want) {
		t.Errorf("open edges at %v, want %v", open, want)
	}
}

func place(v wavefront.Vec) string {
	r := math.Hypot(float64(v[0]), float64(v[2]))
	switch {
	case math.Abs(r-1.4) < 0.02 && v[1] == 2.4:
		return "rim"
	case math.Abs(r-1.3) < 0.02 && v[1] == 2.4:
		return "lid"
	case v[0] < -1.4:
		return "handle"
	case v[0] > 1.6:
		return "spout"
	}
	return "somewhere else"
}

// TestWritten checks that the teapot survives its way through a file.
func TestWritten(t *testing.T) {
	m := Mesh(4)
	var obj, mtl bytes.Buffer
	if err := wavefront.Write(&obj, m, "teapot.mtl"); err != nil {
		t.Fatal(err)
	}
	if err := wavefront.WriteMaterials(&mtl, m); err != nil {
		t.Fatal(err)
	}
	got, err := wavefront.Read(&obj, "teapot.obj", func(string) (io.ReadCloser, error) { return io.NopCloser(&mtl), nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 0 || len(got.Triangles) != len(m.Triangles) || len(got.Vertices) != len(m.Vertices) {
		t.Fatalf("read %d triangles, %d vertices, warnings %v", len(got.Triangles), len(got.Vertices), got.Warnings)
	}
	for i, v := range m.Vertices {
		if got.Vertices[i] != v {
			t.Fatalf("vertex %d is %v, was %v", i, got.Vertices[i], v)
		}
	}
	if mat := got.Materials[got.Triangles[0].Material]; mat != m.Materials[0] {
		t.Errorf("material is %+v, was %+v", mat, m.Materials[0])
	}
}

func sub(a, b wavefront.Vec) wavefront.Vec {
	return wavefront.Vec{a[0] - b[0], a[1] - b[1], a[2] - b[2]}
}

func cross(a, b wavefront.Vec) wavefront.Vec {
	return wavefront.Vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func dot(a, b wavefront.Vec) float64 {
	return float64(a[0])*float64(b[0]) + float64(a[1])*float64(b[1]) + float64(a[2])*float64(b[2])
}
