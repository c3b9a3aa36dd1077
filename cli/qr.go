package cli

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the light margin of a QR code, in modules. The standard wants four;
// readers of screens do with two, and a token needs the columns.
const quiet = 2

// showQR draws text as a QR code on stderr where that is a terminal wide enough,
// and says so where it is one that is not.
func (o *output) showQR(text string) error {
	if o.errWidth == 0 {
		return nil
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil || code.Size+2*quiet > o.errWidth {
		o.note("no QR code: this token needs a terminal of more than %d columns", o.errWidth)
		return nil
	}
	for _, line := range halfBlocks(code) {
		if o.errColor {
			line = "\x1b[97;40m" + line + "\x1b[0m"
		}
		if _, err := fmt.Fprintln(o.stderr, line); err != nil {
			return err
		}
	}
	return nil
}

// halfBlocks is a code as lines of characters, two modules above each other in
// one. The light ones are drawn: most terminals are dark, and a code the other way
// round is not read by everything.
func halfBlocks(code *qr.Code) []string {
	glyphs := map[[2]bool]rune{{true, true}: ' ', {true, false}: '▄', {false, true}: '▀', {false, false}: '█'}
	var lines []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteRune(glyphs[[2]bool{code.Black(x, y), code.Black(x, y+1)}])
		}
		lines = append(lines, b.String())
	}
	return lines
}
