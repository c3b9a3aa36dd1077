package main

import "math"

// vec is a point, a direction or a colour (linear red, green, blue).
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) mul(b vec) vec       { return vec{a.x * b.x, a.y * b.y, a.z * b.z} }
func (a vec) scale(f float64) vec { return vec{a.x * f, a.y * f, a.z * f} }
func (a vec) dot(b vec) float64   { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) length() float64     { return math.Sqrt(a.dot(a)) }

func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}

// most is the largest of the three. (The max built into the language is a
// function call in WebAssembly, and this is asked often.)
func (a vec) most() float64 {
	m := a.x
	if a.y > m {
		m = a.y
	}
	if a.z > m {
		m = a.z
	}
	return m
}

// unit is a at length 1; the zero vector stays what it is.
func (a vec) unit() vec {
	if l := a.length(); l > 0 {
		return a.scale(1 / l)
	}
	return a
}

// mix is a at 0 and b at 1.
func mix(a, b vec, t float64) vec { return a.scale(1 - t).add(b.scale(t)) }

func fromArray(a [3]float32) vec { return vec{float64(a[0]), float64(a[1]), float64(a[2])} }

// basis gives two directions square to n and to each other (Duff et al.,
// "Building an Orthonormal Basis, Revisited", 2017).
func basis(n vec) (t, b vec) {
	s := math.Copysign(1, n.z)
	k := -1 / (s + n.z)
	m := n.x * n.y * k
	return vec{1 + s*n.x*n.x*k, s * m, -s * n.x}, vec{m, s + n.y*n.y*k, -n.y}
}
