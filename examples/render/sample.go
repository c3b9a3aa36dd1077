package main

import "math"

// sampler gives the random numbers of one pixel. Nothing but the frame, the
// pixel and the sample's number goes into it, so a frame comes out the same on
// every machine and in whatever order pixels are made.
type sampler struct {
	state uint64
	index float64
	shift [5][2]float64 // of the pixel, one per well spread pair
	pair  int
}

func newSampler(frame, x, y int) sampler {
	s := sampler{state: scramble(uint64(frame)<<42 ^ uint64(y)<<21 ^ uint64(x))}
	for i := range s.shift {
		s.shift[i] = [2]float64{s.next(), s.next()}
	}
	return s
}

// sample starts the pixel's sample with the number.
func (s *sampler) sample(index int) { s.index, s.pair = float64(index), 0 }

// next is a random number from 0 up to below 1 (splitmix64).
func (s *sampler) next() float64 {
	s.state += 0x9e3779b97f4a7c15
	return float64(int64(scramble(s.state)>>11)) / (1 << 53)
}

func scramble(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// two is a point in the unit square. The first few asked for in each sample
// are spread evenly over the pixel's samples (Roberts's R2 sequence, shifted
// by a random amount), which halves the noise; later ones are plainly random.
func (s *sampler) two() (float64, float64) {
	if s.pair >= len(s.shift) {
		return s.next(), s.next()
	}
	const g1, g2 = 0.7548776662466927, 0.5698402909980532
	u := s.shift[s.pair][0] + s.index*g1
	v := s.shift[s.pair][1] + s.index*g2
	s.pair++
	return u - math.Floor(u), v - math.Floor(v)
}

// hemisphere is a direction round n with a density of cosine / pi.
func hemisphere(n vec, u, v float64) vec {
	r, phi := math.Sqrt(u), 2*math.Pi*v
	t, b := basis(n)
	return t.scale(r * math.Cos(phi)).add(b.scale(r * math.Sin(phi))).add(n.scale(math.Sqrt(max(0, 1-u)))).unit()
}

// facet is the normal of a small facet of a surface with normal n (the GGX
// distribution): the larger the roughness, 0 to 1, the more it leans.
func facet(n vec, roughness, u, v float64) vec {
	a2 := roughness * roughness
	c2 := (1 - u) / (1 + (a2-1)*u)
	r, phi := math.Sqrt(max(0, 1-c2)), 2*math.Pi*v
	t, b := basis(n)
	return t.scale(r * math.Cos(phi)).add(b.scale(r * math.Sin(phi))).add(n.scale(math.Sqrt(c2))).unit()
}
