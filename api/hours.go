package api

import (
	"slices"
	"strings"
	"time"
)

// maxHours bounds how many spans a week is made of.
const maxHours = 50

// weekdays are as people type them, Sunday first as in package time.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Hours are spans of the week in local time; none stands for always.
type Hours []hourSpan

type hourSpan struct {
	days       [7]bool // on which it begins
	begin, end int     // minutes of the day; an end that is not after begin is the next day's
}

// ParseHours reads spans like 22:00-07:00 or sat,sun 00:00-24:00. One that ends
// before it begins goes on past midnight. KindInvalid.
func ParseHours(texts []string) (Hours, error) {
	if len(texts) > maxHours {
		return nil, Errorf(KindInvalid, "hours: more than %d spans", maxHours)
	}
	var all Hours
	for _, text := range texts {
		s, ok := parseSpan(text)
		if !ok {
			return nil, Errorf(KindInvalid, "hours: %.60q is no span of the week", text).WithHint("like 22:00-07:00, or sat,sun 00:00-24:00")
		}
		all = append(all, s)
	}
	return all, nil
}

func parseSpan(text string) (s hourSpan, ok bool) {
	days, times, has := strings.Cut(text, " ")
	if !has {
		days, times = strings.Join(weekdays, ","), text
	}
	for _, day := range strings.Split(days, ",") {
		i := slices.Index(weekdays, day)
		if i < 0 {
			return s, false
		}
		s.days[i] = true
	}
	begin, end, has := strings.Cut(times, "-")
	s.begin, ok = minuteOf(begin)
	if !has || !ok || s.begin == day {
		return s, false
	}
	s.end, ok = minuteOf(end)
	if s.end <= s.begin {
		s.end += day
	}
	return s, ok && s.end-s.begin <= day
}

const day = 24 * 60

// minuteOf reads HH:MM; 24:00 is a day's end.
func minuteOf(text string) (int, bool) {
	if text == "24:00" {
		return day, true
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil && len(text) == len("15:04")
}

// Open tells whether t is within the hours.
func (h Hours) Open(t time.Time) bool {
	now, today := t.Hour()*60+t.Minute(), int(t.Weekday())
	return len(h) == 0 || slices.ContainsFunc(h, func(s hourSpan) bool {
		yesterday := (today + 6) % 7
		return s.days[today] && s.begin <= now && now < s.end || s.days[yesterday] && now+day < s.end
	})
}
