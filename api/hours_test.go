package api

import (
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	at := func(day int, clock string) time.Time { // 2026-11-01 is a Sunday
		c, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 11, day, c.Hour(), c.Minute(), 59, 0, time.Local)
	}
	for _, tt := range []struct {
		hours []string
		day   int
		clock string
		open  bool
	}{
		{nil, 1, "12:00", true},
		{[]string{"09:00-17:30"}, 1, "08:59", false},
		{[]string{"09:00-17:30"}, 1, "09:00", true},
		{[]string{"09:00-17:30"}, 1, "17:29", true},
		{[]string{"09:00-17:30"}, 1, "17:30", false},
		{[]string{"22:00-07:00"}, 1, "21:59", false},
		{[]string{"22:00-07:00"}, 1, "23:59", true},
		{[]string{"22:00-07:00"}, 2, "00:00", true},
		{[]string{"22:00-07:00"}, 2, "06:59", true},
		{[]string{"22:00-07:00"}, 2, "07:00", false},
		{[]string{"sat 22:00-07:00"}, 1, "03:00", true}, // begun on Saturday
		{[]string{"sun 22:00-07:00"}, 1, "03:00", false},
		{[]string{"sat,sun 00:00-24:00"}, 1, "23:59", true},
		{[]string{"sat,sun 00:00-24:00"}, 2, "00:00", false},
		{[]string{"mon 10:00-11:00", "sun 10:00-11:00"}, 1, "10:30", true},
		{[]string{"10:00-10:00"}, 1, "09:59", true}, // a whole day
	} {
		h, err := ParseHours(tt.hours)
		if err != nil || h.Open(at(tt.day, tt.clock)) != tt.open {
			t.Errorf("%q on day %d at %s: open %v, %v", tt.hours, tt.day, tt.clock, !tt.open, err)
		}
	}
	for _, bad := range []string{"", "9-17", "9:00-17:00", "09:00", "09:00-25:00", "24:00-07:00", "xyz 09:00-17:00", "mon, 09:00-17:00", "mon09:00-17:00", "09:60-10:00", "-1:00-02:00", "09:00-10:00-11:00", " 09:00-10:00"} {
		if h, err := ParseHours([]string{bad}); KindOf(err) != KindInvalid {
			t.Errorf("%q: %+v, %v", bad, h, err)
		}
	}
	if _, err := ParseHours(make([]string, 51)); KindOf(err) != KindInvalid {
		t.Errorf("51 spans: %v", err)
	}
}
