package job

import (
	"slices"
	"time"
)

// rateOver is what a job's rate is averaged over.
const rateOver = 10

// meter counts ended tasks per second over the last rateOver seconds.
type meter struct {
	first time.Time
	sec   [rateOver + 1]int64 // which second a bucket counts
	n     [rateOver + 1]int64
}

func (m *meter) add(now time.Time) {
	if m.first.IsZero() {
		m.first = now
	}
	sec := now.Unix()
	i := sec % int64(len(m.sec))
	if m.sec[i] != sec {
		m.sec[i], m.n[i] = sec, 0
	}
	m.n[i]++
}

// rate is tasks a second.
func (m *meter) rate(now time.Time) float64 {
	if m.first.IsZero() {
		return 0
	}
	var n int64
	for i, sec := range m.sec {
		if age := now.Unix() - sec; age >= 0 && age <= rateOver {
			n += m.n[i]
		}
	}
	over := min(now.Sub(m.first), rateOver*time.Second)
	return float64(n) / max(over.Seconds(), 0.1)
}

// sample keeps the last durations of tasks, to tell what is usual.
type sample struct {
	d [64]time.Duration
	n int
}

func (s *sample) add(d time.Duration) {
	s.d[s.n%len(s.d)] = d
	s.n++
}

// fewTimes say what is usual.
const fewTimes = 3

// usual is what three of four tasks stay under; 0 while too few have ended.
func (s *sample) usual() time.Duration {
	n := min(s.n, len(s.d))
	if n < fewTimes {
		return 0
	}
	all := slices.Clone(s.d[:n])
	slices.Sort(all)
	return max(all[n*3/4], time.Millisecond)
}
