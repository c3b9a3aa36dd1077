// Package wavefront reads and writes the part of the Wavefront OBJ and MTL
// formats that a renderer of triangle meshes needs.
//
// Read from OBJ: v, vn, f (any number of corners, v, v/t, v//n and v/t/n,
// negative indices), usemtl, mtllib, comments, continued lines. vt is counted
// so that its indices can be checked. Groups, objects, smoothing groups, lines,
// points and curves are passed over. Read from MTL: newmtl, Kd, Ks, Ke, Ns, d
// and Tr; texture maps are passed over with a warning.
//
// What cannot be a mesh is refused with an [Error] that names file and line:
// coordinates that are not finite numbers, faces with fewer than three corners,
// indices of vertices that are not there (yet), a file without faces, and what
// is larger than the limits below. What only costs beauty is a warning: a
// material or a material file that is missing, a texture.
package wavefront

import "fmt"

// Limits. A mesh at both limits takes about 160 MB in a Mesh.
const (
	MaxTriangles = 2_000_000
	MaxVertices  = 4_000_000 // of each kind: v, vn, vt
	MaxLine      = 1 << 20   // bytes, continued lines joined
	MaxMaterials = 10_000

	// maxEars bounds the corners of a concave face that is cut ear by ear, which
	// takes quadratic time; a larger one is cut as a fan, with a warning.
	maxEars     = 1024
	maxWarnings = 10
)

// Vec is a point, a direction or a colour.
type Vec [3]float32

// Material is what a surface looks like.
type Material struct {
	Name    string
	Diffuse Vec     // Kd, 0 to 1
	Gloss   Vec     // Ks, 0 to 1: the share mirrored at normal incidence
	Glow    Vec     // Ke, light given off, 0 or more
	Shine   float32 // Ns, 0 to 10000: higher is sharper
	Opacity float32 // d, 0 to 1
}

// grey is the material of faces that name none.
var grey = Material{Name: "", Diffuse: Vec{0.7, 0.7, 0.7}, Opacity: 1}

// Triangle has indices into Mesh.Vertices, Mesh.Normals and Mesh.Materials.
type Triangle struct {
	V        [3]int32
	N        [3]int32 // -1: the corner has no normal, the face is flat
	Material int32
}

// Mesh is a triangle mesh. Materials[0] is a plain grey for faces that name none.
type Mesh struct {
	Vertices  []Vec
	Normals   []Vec // of unit length, or zero where the file's could not be used
	Triangles []Triangle
	Materials []Material
	Libraries []string // the material files that were read, as named in the OBJ
	Warnings  []string
}

// Error is a defect of a file at a line. Line is 0 where the file as a whole is meant.
type Error struct {
	File string
	Line int
	Msg  string
	// TooLarge is true where a limit of this package was met.
	TooLarge bool
}

// Error is "file:line: msg".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}
