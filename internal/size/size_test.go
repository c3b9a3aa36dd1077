package size

import (
	"encoding/json"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "17": 17, "17B": 17, "512MiB": 512 << 20, "512M": 512 << 20, "512mb": 512e6, " 2 GiB ": 2 << 30,
		"1.5GiB": 3 << 29, "0.5K": 512, "8T": 8 << 40, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1e3", "1 potato", "0x10", "NaN", "inf", "9999999T", "1.2.3M", "5iB", "1_000", "--1K", "99999999999999999999"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", in, got)
		}
	}
}

func TestFormatIsExact(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1: "1B", 1000: "1000B", 1024: "1KiB", 1536: "1536B", 3 << 29: "1536MiB", 20 << 30: "20GiB"} {
		if got := Format(n); got != want {
			t.Errorf("Format(%d) = %s, want %s", n, got, want)
		}
		if back, err := Parse(Format(n)); err != nil || back != n {
			t.Errorf("Parse(Format(%d)) = %d, %v", n, back, err)
		}
	}
}

func TestBytesInJSON(t *testing.T) {
	for in, want := range map[string]Bytes{`"20GiB"`: 20 << 30, `1024`: 1024} {
		var b Bytes
		if err := json.Unmarshal([]byte(in), &b); err != nil || b != want {
			t.Errorf("%s: %d, %v", in, b, err)
		}
	}
	if out, err := json.Marshal(Bytes(20 << 30)); err != nil || string(out) != `"20GiB"` {
		t.Errorf("%s, %v", out, err)
	}
	var b Bytes
	if err := json.Unmarshal([]byte(`true`), &b); err == nil {
		t.Error("true was read as a size")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1.5GiB")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := Parse(s); err == nil && n < 0 {
			t.Errorf("Parse(%q) = %d", s, n)
		}
	})
}
