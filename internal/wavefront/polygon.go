package wavefront

import "math"

// polygon is a face with more than three corners, flattened onto the plane it
// most faces, its corners in counter-clockwise order as seen from there.
type polygon struct {
	x, y []float64
	next []int
	prev []int
	flip bool // the corners run clockwise in x, y
}

// set takes the corners. The plane comes from Newell's sum, which is right for
// concave and for slightly bent faces.
func (g *polygon) set(vertices []Vec, corners []corner) {
	var n [3]float64
	at := func(i int) (float64, float64, float64) {
		v := vertices[corners[i%len(corners)].v]
		return float64(v[0]), float64(v[1]), float64(v[2])
	}
	for i := range corners {
		ax, ay, az := at(i)
		bx, by, bz := at(i + 1)
		n[0] += (ay - by) * (az + bz)
		n[1] += (az - bz) * (ax + bx)
		n[2] += (ax - bx) * (ay + by)
	}
	axis := 2
	if math.Abs(n[0]) > math.Abs(n[1]) && math.Abs(n[0]) > math.Abs(n[2]) {
		axis = 0
	} else if math.Abs(n[1]) > math.Abs(n[2]) {
		axis = 1
	}
	g.flip = n[axis] < 0
	g.x, g.y = g.x[:0], g.y[:0]
	for i := range corners {
		x, y, z := at(i)
		switch axis {
		case 0:
			x, y = y, z
		case 1:
			x, y = z, x
		}
		if g.flip {
			x = -x
		}
		g.x, g.y = append(g.x, x), append(g.y, y)
	}
}

// turn is twice the area of the triangle a, b, c: above zero where it turns left.
func (g *polygon) turn(a, b, c int) float64 {
	return (g.x[b]-g.x[a])*(g.y[c]-g.y[a]) - (g.x[c]-g.x[a])*(g.y[b]-g.y[a])
}

func (g *polygon) convex() bool {
	n := len(g.x)
	for i := range n {
		if g.turn(i, (i+1)%n, (i+2)%n) < 0 {
			return false
		}
	}
	return true
}

// ears cuts off corners whose triangle holds no other corner, until three are
// left. A face that crosses itself has at some point none: then the next
// corner is cut whatever it holds, so that the count stays right.
func (g *polygon) ears(emit func(a, b, c int)) {
	n := len(g.x)
	g.next, g.prev = g.next[:0], g.prev[:0]
	for i := range n {
		g.next, g.prev = append(g.next, (i+1)%n), append(g.prev, (i+n-1)%n)
	}
	b, misses := 0, 0
	for left := n; left > 3; {
		a, c := g.prev[b], g.next[b]
		if misses < left && !g.ear(a, b, c) {
			b, misses = c, misses+1
			continue
		}
		emit(a, b, c)
		g.next[a], g.prev[c] = c, a
		b, misses, left = c, 0, left-1
	}
	emit(g.prev[b], b, g.next[b])
}

func (g *polygon) ear(a, b, c int) bool {
	if g.turn(a, b, c) <= 0 {
		return false
	}
	for k := g.next[c]; k != a; k = g.next[k] {
		if g.turn(a, b, k) >= 0 && g.turn(b, c, k) >= 0 && g.turn(c, a, k) >= 0 {
			return false
		}
	}
	return true
}
