package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// bytesOf is an amount for people: "1.5 GiB".
func bytesOf(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// cores is an amount of CPU without needless zeros.
func cores(f float64) string { return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64) }

// ago is how long ago t was, short; "-" for never.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(now.Sub(t))
}

// span is a duration in its largest whole unit: 12s, 3m, 5h, 2d.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// clock is a duration with its two largest units: 1m30s, 2h05m.
func clock(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// latency is a round trip.
func latency(d api.Duration) string {
	ms := float64(d) / 1e6
	switch {
	case d == 0:
		return "-"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
}

// resources is a vector in words: "3 cores, 4.0 GiB".
func resources(r api.Resources) string {
	parts := []string{plainCores(r.CPU), bytesOf(r.Memory)}
	if r.Disk > 0 {
		parts = append(parts, bytesOf(r.Disk)+" disk")
	}
	if r.GPU > 0 {
		parts = append(parts, plural(int64(r.GPU), "GPU"))
	}
	return strings.Join(parts, ", ")
}

// plainCores is "1 core", "2.5 cores".
func plainCores(n float64) string {
	if n == 1 {
		return "1 core"
	}
	return cores(n) + " cores"
}

// plural is "1 task", "2 tasks".
func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	ending := "s"
	if strings.HasSuffix(word, "x") {
		ending = "es"
	}
	return humanize.Comma(n) + " " + word + ending
}

// or is s, or what to show in its place.
func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// short is the end of a ULID, as job listings show it: its beginning is the
// time, which jobs of one minute share.
func short[S ~string](id S) string {
	if len(id) <= 8 {
		return string(id)
	}
	return string(id[len(id)-8:])
}

// names joins words of any string type.
func names[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}
