package main

import (
	"image"
	"image/color"
	"math"
	"runtime"
	"sync"
)

// view is what to make of a scene.
type view struct {
	frame, frames int
	width, height int
	samples       int  // per pixel
	raw           bool // leave the noise in
}

const (
	fieldOfView = 32.0 * math.Pi / 180
	exposure    = 0.46
	enough      = 4 // samples that every pixel gets before it may be settled
)

// camera looks at the middle of the scene from a place on a circle round it,
// which it goes once in all frames, rising and falling a little.
type camera struct {
	from, right, up, ahead vec
	width, height          float64 // of the picture at distance 1
}

func newCamera(v view) camera {
	turn := 2 * math.Pi * float64(v.frame) / float64(v.frames)
	rise := (20 + 7*math.Sin(turn)) * math.Pi / 180
	turn += 0.6
	small := 2 * math.Tan(fieldOfView/2)
	c := camera{width: small, height: small}
	if v.width > v.height {
		c.width *= float64(v.width) / float64(v.height)
	} else {
		c.height *= float64(v.height) / float64(v.width)
	}
	towards := vec{math.Sin(turn) * math.Cos(rise), math.Sin(rise), math.Cos(turn) * math.Cos(rise)}
	c.from = towards.scale(0.93 / math.Sin(fieldOfView/2))
	c.ahead = towards.scale(-1)
	c.right = c.ahead.cross(vec{0, 1, 0}).unit()
	c.up = c.right.cross(c.ahead)
	return c
}

// ray is the direction through a point of the picture, 0 to 1 from its upper left.
func (c *camera) ray(x, y float64) vec {
	return c.ahead.add(c.right.scale((x - 0.5) * c.width)).add(c.up.scale((0.5 - y) * c.height)).unit()
}

// render makes the picture, on all processors there are.
func (s *scene) render(v view) *image.NRGBA {
	f, cam := newFilm(v.width, v.height), newCamera(v)
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), v.height)
	for w := range workers {
		wg.Go(func() {
			for y := w; y < v.height; y += workers {
				for x := range v.width {
					s.pixel(f, &cam, v, x, y)
				}
			}
		})
	}
	wg.Wait()
	if !v.raw {
		f.smooth()
	}
	out := image.NewNRGBA(image.Rect(0, 0, v.width, v.height))
	for i, light := range f.light {
		out.SetNRGBA(i%v.width, i/v.width, develop(light))
	}
	return out
}

// pixel makes the samples of a pixel.
func (s *scene) pixel(f *film, cam *camera, v view, x, y int) {
	rnd := newSampler(v.frame, x, y)
	var sum vec
	var squares float64
	var seen first
	n := 0
	for n < v.samples {
		rnd.sample(n)
		dx, dy := rnd.two()
		dir := cam.ray((float64(x)+dx)/float64(v.width), (float64(y)+dy)/float64(v.height))
		got := dim(s.radiance(cam.from, dir, &seen, &rnd))
		sum = sum.add(got)
		squares += brightness(got) * brightness(got)
		n++
		if n >= enough && n&1 == 0 && !v.raw && settled(brightness(sum), squares, float64(n)) {
			break
		}
	}
	f.expose(x, y, n, sum, squares, seen)
}

// settled tells whether a pixel's mean is known well enough for smoothing to
// do the rest: the spread of the mean is a small share of it.
func settled(sum, squares, n float64) bool {
	mean := sum / n
	tolerated := 0.04 * (mean + 0.1)
	return squares/n-mean*mean < tolerated*tolerated*(n-1)
}

// develop turns light into a colour of the screen: bright parts are bent
// towards white (Narkowicz's fit of the ACES film curve), then sRGB.
func develop(light vec) color.NRGBA {
	channel := func(f float64) uint8 {
		f *= exposure
		f = (f * (2.51*f + 0.03)) / (f*(2.43*f+0.59) + 0.14)
		f = min(1, max(0, f))
		if f <= 0.0031308 {
			f *= 12.92
		} else {
			// f to the power of 1/2.4, by roots: math.Pow is not the same everywhere.
			third := math.Cbrt(f)
			f = 1.055*third*math.Sqrt(math.Sqrt(third)) - 0.055
		}
		return uint8(f*255 + 0.5)
	}
	return color.NRGBA{R: channel(light.x), G: channel(light.y), B: channel(light.z), A: 255}
}
