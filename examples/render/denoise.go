package main

import "math"

// film holds what the samples of each pixel found, and what is needed to tell
// noise from detail: the colour, direction and distance of the first surface.
type film struct {
	width, height int
	light         []vec     // mean of the samples
	noise         []float64 // variance of that mean's brightness
	albedo        []vec
	normal        []vec
	depth         []float64
}

func newFilm(w, h int) *film {
	n := w * h
	return &film{width: w, height: h, light: make([]vec, n), noise: make([]float64, n),
		albedo: make([]vec, n), normal: make([]vec, n), depth: make([]float64, n)}
}

// first is the first surface of a camera path, for the film.
type first struct {
	albedo, normal vec
	depth          float64
}

func brightness(c vec) float64 { return 0.25*c.x + 0.6*c.y + 0.15*c.z }

// smooth takes noise out by averaging over neighbours that show the same
// surface and whose difference is what noise explains: a wavelet filter with
// edge stopping (Dammertz et al., "Edge-Avoiding A-Trous Wavelet Transform",
// 2010) guided by variance (Schied et al., "Spatiotemporal Variance-Guided
// Filtering", 2017). The surface's own colour is divided out first, so patterns
// stay sharp. With many samples there is little noise and little is averaged.
func (f *film) smooth() {
	in := make([]vec, len(f.light))
	for i, c := range f.light {
		a := floor(f.albedo[i])
		in[i] = vec{c.x / a.x, c.y / a.y, c.z / a.z}
		f.noise[i] /= brightness(a) * brightness(a)
	}
	out, spread := make([]vec, len(in)), make([]float64, len(in))
	for step := 1; step <= 4; step *= 2 {
		for y := range f.height {
			for x := range f.width {
				f.average(in, out, spread, x, y, step)
			}
		}
		in, out = out, in
		f.noise, spread = spread, f.noise
	}
	for i, c := range in {
		f.light[i] = c.mul(floor(f.albedo[i]))
	}
}

func floor(c vec) vec { return vec{max(c.x, 0.08), max(c.y, 0.08), max(c.z, 0.08)} }

var kernel = [3]float64{1, 2, 1}

func (f *film) average(in, out []vec, spread []float64, x, y, step int) {
	here := y*f.width + x
	mine := brightness(in[here])
	normal, depth := f.normal[here], f.depth[here]
	// How different a neighbour's light may be: a few times what noise makes.
	tolerance := 1 / (16*f.noiseNear(x, y) + 1e-6)
	var sum vec
	var weights, variance float64
	for ky := -1; ky <= 1; ky++ {
		ny := y + ky*step
		if ny < 0 || ny >= f.height {
			continue
		}
		for kx := -1; kx <= 1; kx++ {
			nx := x + kx*step
			if nx < 0 || nx >= f.width {
				continue
			}
			there := ny*f.width + nx
			c := in[there]
			dn := normal.sub(f.normal[there])
			dd := (depth - f.depth[there]) / (0.02 * depth * float64(step))
			dl := brightness(c) - mine
			w := kernel[kx+1] * kernel[ky+1] / (1 + 40*dn.dot(dn))
			k := 1 + dd*dd + dl*dl*tolerance
			w /= k * k
			sum = sum.add(c.scale(w))
			variance += w * w * f.noise[there]
			weights += w
		}
	}
	out[here], spread[here] = sum.scale(1/weights), variance/(weights*weights)
}

// noiseNear is the variance round a pixel: that of one pixel alone is itself noisy.
func (f *film) noiseNear(x, y int) float64 {
	var sum, n float64
	for ny := max(0, y-1); ny <= min(f.height-1, y+1); ny++ {
		for nx := max(0, x-1); nx <= min(f.width-1, x+1); nx++ {
			sum += f.noise[ny*f.width+nx]
			n++
		}
	}
	return sum / n
}

// expose sets a pixel from its samples' sums.
func (f *film) expose(x, y, samples int, sum vec, squares float64, seen first) {
	i, n := y*f.width+x, float64(samples)
	f.light[i] = sum.scale(1 / n)
	f.albedo[i], f.normal[i], f.depth[i] = seen.albedo.scale(1/n), seen.normal.scale(1/n), seen.depth/n
	if samples < 2 {
		f.noise[i] = 1 // nothing is known: trust the guides
		return
	}
	mean := brightness(f.light[i])
	f.noise[i] = math.Max(0, squares/n-mean*mean) / (n - 1)
}
