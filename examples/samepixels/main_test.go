package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	write := func(dir, name string, at image.Point, value uint8, level png.CompressionLevel) {
		t.Helper()
		picture := image.NewNRGBA(image.Rect(0, 0, 3, 2))
		picture.Set(at.X, at.Y, color.NRGBA{value, 0, 0, 255})
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := (&png.Encoder{CompressionLevel: level}).Encode(f, picture); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		change     func(a, b string)
	}{
		{"other bytes, same pixels", "", func(_, b string) { write(b, "1.png", image.Pt(2, 1), 9, png.NoCompression) }},
		{"one pixel", "differ at 2,1", func(_, b string) { write(b, "1.png", image.Pt(2, 1), 10, png.BestSpeed) }},
		{"one missing", "2.png", func(a, _ string) { write(a, "2.png", image.Pt(0, 0), 1, png.BestSpeed) }},
		{"one too many", "2.png is only in", func(_, b string) { write(b, "2.png", image.Pt(0, 0), 1, png.BestSpeed) }},
		{"not a picture", "unknown format", func(_, b string) { os.WriteFile(filepath.Join(b, "1.png"), []byte("x"), 0o600) }},
		{"nothing", "has no pictures", func(a, b string) { os.Remove(filepath.Join(a, "1.png")); os.Remove(filepath.Join(b, "1.png")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := t.TempDir(), t.TempDir()
			write(a, "1.png", image.Pt(2, 1), 9, png.BestSpeed)
			write(b, "1.png", image.Pt(2, 1), 9, png.BestSpeed)
			c.change(a, b)
			n, err := compare(a, b)
			switch {
			case c.want == "" && (err != nil || n != 1):
				t.Errorf("%d, %v", n, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
