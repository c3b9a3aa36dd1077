package api

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that travels as Go's text form ("1m30s").
type Duration time.Duration

// String is Go's text form.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes Go's text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads Go's text form and refuses negative durations.
func (d *Duration) UnmarshalText(t []byte) error {
	v, err := time.ParseDuration(string(t))
	if err != nil {
		return &Error{Kind: KindInvalid, Msg: fmt.Sprintf("%q is not a duration", clip(string(t), 40)), Hint: "write it like 90s, 5m or 2h30m"}
	}
	if v < 0 {
		return &Error{Kind: KindInvalid, Msg: fmt.Sprintf("duration %s is negative", v)}
	}
	*d = Duration(v)
	return nil
}
