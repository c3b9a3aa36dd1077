package demo

import (
	"cmp"
	"image"
	"image/color"
	"slices"
)

// Colours are counted and matched with five bits a channel.
const (
	bits  = 5
	cells = 1 << (3 * bits)
)

func cell(r, g, b uint8) int {
	return int(r>>(8-bits))<<(2*bits) | int(g>>(8-bits))<<bits | int(b>>(8-bits))
}

// count is how many pixels of the pictures fall into a cell, and their mean colour.
type count struct {
	n       int
	r, g, b int
}

// colours is a box of the colour space with the counts in it.
type colours []count

func (c colours) total() (n int) {
	for _, k := range c {
		n += k.n
	}
	return n
}

func (c colours) mean() color.RGBA {
	var n, r, g, b int
	for _, k := range c {
		n, r, g, b = n+k.n, r+k.r, g+k.g, b+k.b
	}
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}

func channel(k count, i int) int { return [3]int{k.r, k.g, k.b}[i] / k.n }

// widest is the channel in which the box is longest, and that length.
func (c colours) widest() (best, length int) {
	for i := range 3 {
		lo, hi := 255, 0
		for _, k := range c {
			v := channel(k, i)
			lo, hi = min(lo, v), max(hi, v)
		}
		if hi-lo > length {
			best, length = i, hi-lo
		}
	}
	return best, length
}

// palette is up to 256 colours that stand for all in the pictures (Heckbert's
// median cut): the box with most pixels times length is cut at its median until
// there are enough.
func palette(frames []image.Image) color.Palette {
	boxes := []colours{counts(frames)}
	for len(boxes) < 256 {
		at, most := -1, 0
		for i, b := range boxes {
			if _, length := b.widest(); length*b.total() > most && len(b) > 1 {
				at, most = i, length*b.total()
			}
		}
		if at < 0 {
			break
		}
		left, right := boxes[at].cut()
		boxes[at] = left
		boxes = append(boxes, right)
	}
	var p color.Palette
	for _, b := range boxes {
		p = append(p, b.mean())
	}
	return p
}

func (c colours) cut() (left, right colours) {
	axis, _ := c.widest()
	slices.SortFunc(c, func(a, b count) int { return cmp.Compare(channel(a, axis), channel(b, axis)) })
	half, sum, at := c.total()/2, 0, 0
	for at < len(c)-1 && (at == 0 || sum < half) {
		sum += c[at].n
		at++
	}
	return c[:at], c[at:]
}

func counts(frames []image.Image) colours {
	all := make([]count, cells)
	for _, f := range frames {
		each(f, func(_, _ int, r, g, b uint8) {
			k := &all[cell(r, g, b)]
			k.n, k.r, k.g, k.b = k.n+1, k.r+int(r), k.g+int(g), k.b+int(b)
		})
	}
	return slices.DeleteFunc(all, func(k count) bool { return k.n == 0 })
}

// each calls do for every pixel, with coordinates from 0.
func each(f image.Image, do func(x, y int, r, g, b uint8)) {
	at := f.Bounds()
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			r, g, b, _ := f.At(x, y).RGBA()
			do(x-at.Min.X, y-at.Min.Y, uint8(r>>8), uint8(g>>8), uint8(b>>8))
		}
	}
}

// bayer is an ordered dither: its pattern stands still from frame to frame,
// where diffused errors would crawl.
var bayer = [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}

// paint gives pictures the palette's colours. It remembers the nearest colour of
// each cell; not for concurrent use.
type paint struct {
	palette color.Palette
	nearest []int16 // -1: not asked for yet
}

func newPaint(p color.Palette) *paint {
	return &paint{palette: p, nearest: slices.Repeat([]int16{-1}, cells)}
}

func (p *paint) picture(f image.Image) *image.Paletted {
	size := f.Bounds()
	out := image.NewPaletted(image.Rect(0, 0, size.Dx(), size.Dy()), p.palette)
	each(f, func(x, y int, r, g, b uint8) {
		shift := bayer[y&3][x&3] - 8
		bend := func(v uint8) uint8 { return uint8(min(255, max(0, int(v)+shift/2))) }
		r, g, b = bend(r), bend(g), bend(b)
		c := cell(r, g, b)
		if p.nearest[c] < 0 {
			p.nearest[c] = int16(p.palette.Index(color.RGBA{r, g, b, 255}))
		}
		out.Pix[y*out.Stride+x] = uint8(p.nearest[c])
	})
	return out
}
