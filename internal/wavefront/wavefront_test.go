package wavefront

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"testing"
)

// files opens material files from a map.
func files(m map[string]string) Open {
	return func(name string) (io.ReadCloser, error) {
		text, ok := m[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
}

const square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"

func TestFaces(t *testing.T) {
	for _, c := range []struct {
		name, obj string
		triangles int
	}{
		{"triangle", square + "f 1 2 3\n", 1},
		{"quad", square + "f 1 2 3 4\n", 2},
		{"negative", square + "f -4 -3 -2\n", 1},
		{"texture", square + "vt 0 0\nf 1/1 2/1 3/1\n", 1},
		{"normal", square + "vn 0 0 1\nf 1//1 2//1 3//1\n", 1},
		{"all", square + "vn 0 0 1\nvt 0 0\nf 1/1/1 2/1/1 3/-1/-1\n", 1},
		{"crlf and comments", "# x\r\n" + strings.ReplaceAll(square, "\n", "\r\n") + "f 1 2 3 # y\r\n", 1},
		{"continued", square + "f 1 2 \\\n3 4\n", 2},
		{"no newline at the end", square + "f 1 2 3", 1},
		{"groups", "o a\ng b c\ns 1\n" + square + "l 1 2\np 1\nf 1 2 3\n", 1},
		{"colours after coordinates", "v 0 0 0 1 1 1\nv 1 0 0 1 1 1\nv 0 1 0 1 1 1\nf 1 2 3\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Read(strings.NewReader(c.obj), "a.obj", nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Triangles) != c.triangles {
				t.Errorf("%d triangles, want %d", len(m.Triangles), c.triangles)
			}
		})
	}
}

// TestConcave cuts shapes of a known area; a fan would count parts twice.
func TestConcave(t *testing.T) {
	for name, shape := range map[string][][2]float64{
		"arrow":      {{0, 0}, {2, 1}, {0, 2}, {0.7, 1}},
		"arrow back": {{0.7, 1}, {0, 2}, {2, 1}, {0, 0}},
		"comb":       {{0, 0}, {5, 0}, {5, 3}, {4, 3}, {4, 1}, {3, 1}, {3, 3}, {2, 3}, {2, 1}, {1, 1}, {1, 3}, {0, 3}},
	} {
		for axis := range 3 {
			t.Run(fmt.Sprint(name, axis), func(t *testing.T) {
				var obj strings.Builder
				face, want := "f", 0.0
				for i, p := range shape {
					q := shape[(i+1)%len(shape)]
					want += (p[0]*q[1] - q[0]*p[1]) / 2
					v := [3]float64{}
					v[axis], v[(axis+1)%3] = p[0], p[1]
					fmt.Fprintf(&obj, "v %v %v %v\n", v[0], v[1], v[2])
					face += fmt.Sprint(" ", i+1)
				}
				m, err := Read(strings.NewReader(obj.String()+face+"\n"), "a.obj", nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(m.Triangles) != len(shape)-2 {
					t.Errorf("%d triangles, want %d", len(m.Triangles), len(shape)-2)
				}
				got := 0.0
				for _, tri := range m.Triangles {
					a, b, c := m.Vertices[tri.V[0]], m.Vertices[tri.V[1]], m.Vertices[tri.V[2]]
					i, j := axis, (axis+1)%3
					got += math.Abs(float64((b[i]-a[i])*(c[j]-a[j])-(c[i]-a[i])*(b[j]-a[j]))) / 2
				}
				if math.Abs(got-math.Abs(want)) > 1e-5 {
					t.Errorf("the triangles cover %v, the face has %v", got, math.Abs(want))
				}
			})
		}
	}
}

func TestMaterials(t *testing.T) {
	obj := "mtllib one.mtl two words.mtl\nmtllib sub\\two.mtl\n" + square +
		"usemtl shiny thing\nf 1 2 3\nusemtl glass\nf 1 2 3\nusemtl nosuch\nf 1 2 3\n"
	m, err := Read(strings.NewReader(obj), "a.obj", files(map[string]string{
		"one.mtl":     "Kd 9 9 9\nnewmtl shiny thing\nKd 0.1 0.2 0.3\nKs 2 -1 0.5\nNs 20\nmap_Kd x.png\nnewmtl shiny thing\nKd 1 1 1\n",
		"sub/two.mtl": "newmtl glass\nTr 0.75\nKe 5\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) Material { return m.Materials[m.Triangles[i].Material] }
	if got, want := at(0), (Material{Name: "shiny thing", Diffuse: Vec{0.1, 0.2, 0.3}, Gloss: Vec{1, 0, 0.5}, Shine: 20, Opacity: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := at(1); got.Opacity != 0.25 || got.Glow != (Vec{5, 5, 5}) {
		t.Errorf("got %+v", got)
	}
	if at(2) != grey {
		t.Errorf("an unknown material is %+v, want grey", at(2))
	}
	if got := fmt.Sprint(m.Libraries); got != "[one.mtl sub/two.mtl]" {
		t.Errorf("libraries %v", got)
	}
	warnings := strings.Join(m.Warnings, "\n")
	for _, want := range []string{"nosuch", "textures"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning with %q in %q", want, warnings)
		}
	}
}

func TestMissingMaterialsAreGrey(t *testing.T) {
	m, err := Read(strings.NewReader("mtllib gone.mtl\n"+square+"usemtl a\nf 1 2 3\n"), "a.obj", files(nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], `a.obj:1: material file "gone.mtl"`) {
		t.Errorf("warnings %q", m.Warnings)
	}
}

// TestStaysInItsFolder checks that no material file outside is asked for.
func TestStaysInItsFolder(t *testing.T) {
	for _, name := range []string{"../a.mtl", "/etc/passwd", `..\a.mtl`, "x/../../a.mtl", `C:\a.mtl`, ".."} {
		asked := func(name string) (io.ReadCloser, error) {
			t.Errorf("asked for %q", name)
			return nil, fs.ErrNotExist
		}
		if _, err := Read(strings.NewReader("mtllib "+name+"\n"+square+"f 1 2 3\n"), "a.obj", asked); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestErrors(t *testing.T) {
	mtl := files(map[string]string{"bad.mtl": "newmtl a\n\nKd 1 nan 1\n", "short.mtl": "newmtl a\nKd 1 1\n", "anonymous.mtl": "newmtl\n"})
	for _, c := range []struct {
		obj, want string
	}{
		{"v 0 0\n", "a.obj:1: v needs three numbers, has 2"},
		{"v 0 0 NaN\n", `a.obj:1: "NaN" is not a finite number in range`},
		{"v 0 0 -Inf\n", `a.obj:1: "-Inf" is not a finite number in range`},
		{"v 0 0 1e39\n", `a.obj:1: "1e39" is not a finite number in range`},
		{"v 0 0 1e999\n", `a.obj:1: "1e999" is not a finite number in range`},
		{"v 0 0 0x\n", `a.obj:1: "0x" is not a number`},
		{"vn 1 inf 0\n", `a.obj:1: "inf" is not a finite number in range`},
		{"", "a.obj: there are no faces in it"},
		{square, "a.obj: there are no faces in it"},
		{square + "f 1 2\n", "a.obj:5: a face needs three corners, this one has 2"},
		{square + "f\n", "a.obj:5: a face needs three corners, this one has 0"},
		{square + "f 1 2 5\n", `a.obj:5: corner "5": vertex 5 is out of range, 4 defined so far`},
		{square + "f 1 2 0\n", `vertex 0 is out of range`},
		{square + "f 1 2 -5\n", `vertex -5 is out of range`},
		{square + "f 1 2 99999999999999999999\n", `vertex beyond 4000000 is out of range`},
		{square + "f 1 2 x\n", `a.obj:5: "x" is not a corner of a face`},
		{square + "f 1 2 3/\xff\n", `is not a corner of a face`},
		{square + "f 1 2 -\n", `"-" is not a corner of a face`},
		{square + "f 1/1 2/1 3/1\n", `texture coordinate 1 is out of range, 0 defined so far`},
		{square + "f 1//2 2//2 3//2\n", `normal 2 is out of range`},
		{"# \\\n#\nv \\\n0 0 z\n", `a.obj:3: "z" is not a number`},
		{"mtllib bad.mtl\n", `bad.mtl:3: "nan" is not a finite number in range`},
		{"mtllib short.mtl\n", `short.mtl:2: Kd needs three numbers, has 2`},
		{"mtllib anonymous.mtl\n", `anonymous.mtl:1: newmtl needs a name`},
		{"mtllib\n", `a.obj:1: mtllib needs a file name`},
	} {
		_, err := Read(strings.NewReader(c.obj), "a.obj", mtl)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.obj, err, c.want)
		}
	}
}

// repeated gives head, then line count times.
type repeated struct {
	head, line string
	count      int
	buf        []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	for len(r.buf) < len(p) && (r.head != "" || r.count > 0) {
		if r.head != "" {
			r.buf, r.head = append(r.buf, r.head...), ""
			continue
		}
		r.buf = append(r.buf, r.line...)
		r.count--
	}
	if len(r.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.buf)
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	return n, nil
}

func TestLimits(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"more than 2000000 triangles":      &repeated{head: square, line: "f 1 2 3\n", count: 5_000_000},
		"more than 4000000 vertices":       &repeated{line: "v 0 0 0\n", count: MaxVertices + 1},
		"line is longer than 1048576 byte": &repeated{head: "f", line: " 1", count: MaxLine},
	} {
		_, err := Read(r, "a.obj", nil)
		var e *Error
		if !errors.As(err, &e) || !e.TooLarge || e.Line == 0 || !strings.Contains(e.Msg, name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
}

func TestReadErrorsAreNotSwallowed(t *testing.T) {
	broken := errors.New("broken disk")
	_, err := Read(io.MultiReader(strings.NewReader(square+"f 1 2 3\n"), &failing{broken}), "a.obj", nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzRead(f *testing.F) {
	f.Add([]byte(square+"vn 0 0 1\nvt 0 0\nmtllib m\nusemtl a\nf 1/1/1 2/1/1 3/1/1 4\nf -1 -2 -3 -4\n"), []byte("newmtl a\nKd 1 1 1\nd 0.5\nmap_Kd x\n"))
	f.Add([]byte("v 0 0 0\nv 2 1 0\nv 0 2 0\nv .7 1 0\nf 1 2 3 4\\\n"), []byte("Kd 1"))
	f.Add([]byte("f 1 2 3"), []byte{})
	f.Fuzz(func(t *testing.T, obj, mtl []byte) {
		m, err := Read(bytes.NewReader(obj), "a.obj", func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(mtl)), nil })
		if err != nil {
			return
		}
		if len(m.Triangles) == 0 {
			t.Fatal("a mesh without faces")
		}
		for _, v := range m.Vertices {
			for _, c := range v {
				if math.IsNaN(float64(c)) || math.IsInf(float64(c), 0) {
					t.Fatalf("vertex %v", v)
				}
			}
		}
		for _, tri := range m.Triangles {
			for k := range 3 {
				if tri.V[k] < 0 || int(tri.V[k]) >= len(m.Vertices) || tri.N[k] < -1 || int(tri.N[k]) >= len(m.Normals) {
					t.Fatalf("triangle %+v of %d vertices and %d normals", tri, len(m.Vertices), len(m.Normals))
				}
			}
			if tri.Material < 0 || int(tri.Material) >= len(m.Materials) {
				t.Fatalf("triangle %+v of %d materials", tri, len(m.Materials))
			}
		}
	})
}
