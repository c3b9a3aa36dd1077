package main

// hit is where a ray met a triangle.
type hit struct {
	t    float64
	u, v float64 // weights of the second and third corner
	tri  int32   // in the mesh, -1: nothing
}

// nearest finds the first triangle along the ray closer than far.
func (b *bvh) nearest(from, dir vec, far float64) hit {
	best := hit{t: far, tri: -1}
	if nearBall(from, dir) {
		b.walk(from, dir, &best, false)
	}
	return best
}

// blocked tells whether anything stands within distance far.
func (b *bvh) blocked(from, dir vec, far float64) bool {
	best := hit{t: far, tri: -1}
	if nearBall(from, dir) {
		b.walk(from, dir, &best, true)
	}
	return best.tri >= 0
}

// nearBall is false for rays that cannot touch the unit ball, a little
// enlarged, in which the mesh lies: most of those that leave the ground.
func nearBall(from, dir vec) bool {
	towards, outside := -from.dot(dir), from.dot(from)-1.0001
	return outside <= 0 || towards > 0 && towards*towards > outside
}

// walk goes down the tree, nearer child first. Triangles count from both
// sides. A box is tested where its parent is visited, and the test is written
// out twice: half of all time is spent here, and WebAssembly pays for calls.
func (b *bvh) walk(from, dir vec, best *hit, any bool) {
	ix, iy, iz := 1/dir.x, 1/dir.y, 1/dir.z
	var stack [maxDepth + 4]int32
	top, at := 0, int32(0)
	for {
		n := &b.nodes[at]
		if n.count > 0 {
			for i := n.first; i < n.first+n.count; i++ {
				meet(&b.tris[i], from, dir, best)
			}
			if any && best.tri >= 0 {
				return
			}
		} else {
			// A ray that lies in a side of a box makes NaN; the comparisons are
			// such that NaN counts as inside.
			c := &b.nodes[n.first]
			near1, far1 := 0.0, best.t
			lo, hi := (float64(c.lo[0])-from.x)*ix, (float64(c.hi[0])-from.x)*ix
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near1 {
				near1 = lo
			}
			if hi < far1 {
				far1 = hi
			}
			lo, hi = (float64(c.lo[1])-from.y)*iy, (float64(c.hi[1])-from.y)*iy
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near1 {
				near1 = lo
			}
			if hi < far1 {
				far1 = hi
			}
			lo, hi = (float64(c.lo[2])-from.z)*iz, (float64(c.hi[2])-from.z)*iz
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near1 {
				near1 = lo
			}
			if hi < far1 {
				far1 = hi
			}
			c = &b.nodes[n.first+1]
			near2, far2 := 0.0, best.t
			lo, hi = (float64(c.lo[0])-from.x)*ix, (float64(c.hi[0])-from.x)*ix
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near2 {
				near2 = lo
			}
			if hi < far2 {
				far2 = hi
			}
			lo, hi = (float64(c.lo[1])-from.y)*iy, (float64(c.hi[1])-from.y)*iy
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near2 {
				near2 = lo
			}
			if hi < far2 {
				far2 = hi
			}
			lo, hi = (float64(c.lo[2])-from.z)*iz, (float64(c.hi[2])-from.z)*iz
			if lo > hi {
				lo, hi = hi, lo
			}
			if lo > near2 {
				near2 = lo
			}
			if hi < far2 {
				far2 = hi
			}
			switch {
			case near1 <= far1 && near2 <= far2:
				if near1 <= near2 {
					at, stack[top] = n.first, n.first+1
				} else {
					at, stack[top] = n.first+1, n.first
				}
				top++
				continue
			case near1 <= far1:
				at = n.first
				continue
			case near2 <= far2:
				at = n.first + 1
				continue
			}
		}
		if top == 0 {
			return
		}
		top--
		at = stack[top]
	}
}

// meet is the test of Moeller and Trumbore, written out: it is the inner loop.
func meet(t *triangle, from, dir vec, best *hit) {
	ax, ay, az := float64(t.a[0]), float64(t.a[1]), float64(t.a[2])
	abx, aby, abz := float64(t.b[0])-ax, float64(t.b[1])-ay, float64(t.b[2])-az
	acx, acy, acz := float64(t.c[0])-ax, float64(t.c[1])-ay, float64(t.c[2])-az
	px, py, pz := dir.y*acz-dir.z*acy, dir.z*acx-dir.x*acz, dir.x*acy-dir.y*acx
	det := abx*px + aby*py + abz*pz
	if det == 0 {
		return
	}
	f := 1 / det
	sx, sy, sz := from.x-ax, from.y-ay, from.z-az
	u := f * (sx*px + sy*py + sz*pz)
	if u < 0 || u > 1 {
		return
	}
	qx, qy, qz := sy*abz-sz*aby, sz*abx-sx*abz, sx*aby-sy*abx
	v := f * (dir.x*qx + dir.y*qy + dir.z*qz)
	if v < 0 || u+v > 1 {
		return
	}
	d := f * (acx*qx + acy*qy + acz*qz)
	if d > 1e-9 && d < best.t {
		*best = hit{t: d, u: u, v: v, tri: t.source}
	}
}
