package wavefront

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// Write writes the mesh as an OBJ file that takes its colours from library, a
// file written with [WriteMaterials].
func Write(w io.Writer, m *Mesh, library string) error {
	b := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(b, "# %d triangles\nmtllib %s\n", len(m.Triangles), library)
	line := make([]byte, 0, 128)
	vecs := func(key string, list []Vec) {
		for _, v := range list {
			line = append(line[:0], key...)
			for _, f := range v {
				line = strconv.AppendFloat(append(line, ' '), float64(f), 'f', -1, 32)
			}
			b.Write(append(line, '\n')) // b keeps the first error until Flush
		}
	}
	vecs("v", m.Vertices)
	vecs("vn", m.Normals)
	material := int32(-1)
	for _, t := range m.Triangles {
		if t.Material != material {
			material = t.Material
			fmt.Fprintf(b, "usemtl %s\n", m.Materials[material].Name)
		}
		line = append(line[:0], 'f')
		for i := range 3 {
			line = strconv.AppendInt(append(line, ' '), int64(t.V[i])+1, 10)
			if t.N[i] >= 0 {
				line = strconv.AppendInt(append(line, '/', '/'), int64(t.N[i])+1, 10)
			}
		}
		b.Write(append(line, '\n'))
	}
	return b.Flush()
}

// WriteMaterials writes the mesh's named materials as an MTL file.
func WriteMaterials(w io.Writer, m *Mesh) error {
	b := bufio.NewWriter(w)
	for _, mat := range m.Materials {
		if mat.Name == "" {
			continue
		}
		fmt.Fprintf(b, "newmtl %s\nKd %v %v %v\nKs %v %v %v\nKe %v %v %v\nNs %v\nd %v\n", mat.Name,
			mat.Diffuse[0], mat.Diffuse[1], mat.Diffuse[2], mat.Gloss[0], mat.Gloss[1], mat.Gloss[2],
			mat.Glow[0], mat.Glow[1], mat.Glow[2], mat.Shine, mat.Opacity)
	}
	return b.Flush()
}
