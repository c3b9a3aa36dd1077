package demo

import (
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"
	"os"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The animation goes round once in about three seconds, at 10 to 25 frames a second.
const loop = 300 // hundredths of a second

// writeAnimation writes the frames as a GIF that repeats for ever.
func writeAnimation(name string, frames []image.Image) error {
	paint := newPaint(palette(frames))
	var g gif.GIF
	for _, f := range frames {
		g.Image = append(g.Image, paint.picture(f))
		g.Delay = append(g.Delay, min(10, max(4, loop/len(frames))))
	}
	return write(name, func(w io.Writer) error { return gif.EncodeAll(w, &g) })
}

const (
	sheetWidth = 1280 // about
	sheetGap   = 4
)

// writeSheet writes all frames, made small, as one picture.
func writeSheet(name string, frames []image.Image) error {
	size := frames[0].Bounds()
	columns := int(math.Ceil(math.Sqrt(float64(len(frames)) * float64(size.Dy()) / float64(size.Dx()) * 4 / 3)))
	for _, c := range [3]int{columns, columns + 1, columns - 1} { // without a gap at the end, if one of these does
		if c > 0 && len(frames)%c == 0 {
			columns = c
			break
		}
	}
	columns = min(len(frames), max(1, columns))
	rows := (len(frames) + columns - 1) / columns
	w := max(1, min(size.Dx(), sheetWidth/columns-sheetGap))
	h := max(1, w*size.Dy()/size.Dx())
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(w+sheetGap)+sheetGap, rows*(h+sheetGap)+sheetGap))
	for i := 3; i < len(sheet.Pix); i += 4 {
		sheet.Pix[i] = 255 // black
	}
	for i, f := range frames {
		shrink(sheet, f, image.Pt(sheetGap+i%columns*(w+sheetGap), sheetGap+i/columns*(h+sheetGap)), w, h)
	}
	return write(name, func(out io.Writer) error { return png.Encode(out, sheet) })
}

// shrink draws a picture at a place, w by h pixels large, each the mean of those
// of the original that it covers.
func shrink(to *image.RGBA, from image.Image, at image.Point, w, h int) {
	size := from.Bounds()
	for y := range h {
		y0, y1 := y*size.Dy()/h, max((y+1)*size.Dy()/h, y*size.Dy()/h+1)
		for x := range w {
			x0, x1 := x*size.Dx()/w, max((x+1)*size.Dx()/w, x*size.Dx()/w+1)
			var r, g, b, n uint64
			for sy := y0; sy < y1; sy++ {
				for sx := x0; sx < x1; sx++ {
					cr, cg, cb, _ := from.At(size.Min.X+sx, size.Min.Y+sy).RGBA()
					r, g, b, n = r+uint64(cr), g+uint64(cg), b+uint64(cb), n+1
				}
			}
			to.SetRGBA(at.X+x, at.Y+y, color.RGBA{uint8(r / n >> 8), uint8(g / n >> 8), uint8(b / n >> 8), 255})
		}
	}
}

func write(name string, encode func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return api.Errorf(api.KindInvalid, "a picture cannot be written: %w", err).WithHint("choose another folder with --out")
	}
	if err := errors.Join(encode(f), f.Close()); err != nil {
		return api.Errorf(api.KindInternal, "%s: %w", name, err)
	}
	return nil
}
