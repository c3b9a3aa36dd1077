// Package size reads and writes amounts of bytes the way people type them.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units in order of printing: the largest binary unit that divides an amount wins.
var units = []struct {
	name string
	n    int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, // as docker and ulimit mean them
	{"B", 1},
}

// Parse reads an amount of bytes: a number with an optional unit (KiB MiB GiB
// TiB binary, KB MB GB TB decimal, K M G T short for the binary ones), in any
// case. Fractions are fine as long as the unit is larger than a byte.
func Parse(s string) (int64, error) {
	text := strings.TrimSpace(s)
	digits := strings.TrimRight(text, "bBiIkKmMgGtT ")
	unit, factor := strings.TrimSpace(text[len(digits):]), int64(1)
	if unit != "" {
		factor = 0
		for _, u := range units {
			if strings.EqualFold(u.name, unit) {
				factor = u.n
				break
			}
		}
	}
	if factor == 0 || digits == "" {
		return 0, fmt.Errorf("%q is not a size", clip(s))
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n < 0 || n > math.MaxInt64/factor {
			return 0, fmt.Errorf("size %q is out of range", clip(s))
		}
		return n * factor, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.ContainsAny(digits, "eExXpPnN_") {
		return 0, fmt.Errorf("%q is not a size", clip(s))
	}
	if f < 0 || f*float64(factor) >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is out of range", clip(s))
	}
	return int64(math.Round(f * float64(factor))), nil
}

// Format writes n exactly, in the largest binary unit that divides it.
func Format(n int64) string {
	if n > 0 {
		for _, u := range units[:4] {
			if n%u.n == 0 {
				return strconv.FormatInt(n/u.n, 10) + u.name
			}
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// Bytes is an amount of bytes that travels as text ("20GiB") and is read from a
// JSON string or number.
type Bytes int64

// String is the exact text form.
func (b Bytes) String() string { return Format(int64(b)) }

// MarshalText writes the exact text form.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what Parse reads.
func (b *Bytes) UnmarshalText(t []byte) error {
	n, err := Parse(string(t))
	if err != nil {
		return err
	}
	*b = Bytes(n)
	return nil
}

// UnmarshalJSON reads a string or a whole number of bytes.
func (b *Bytes) UnmarshalJSON(j []byte) error {
	return b.UnmarshalText([]byte(strings.Trim(string(j), `"`)))
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
