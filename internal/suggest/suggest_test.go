package suggest

import "testing"

func TestClosest(t *testing.T) {
	words := []string{"name", "needs", "command", "each", "outputs"}
	for typed, want := range map[string]string{
		"comand": "command", "naem": "name", "output": "outputs", "Each": "each", "need": "needs",
		"zebra": "", "": "", "x": "", "completely-other": "",
	} {
		if got := Closest(typed, words); got != want {
			t.Errorf("Closest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestHint(t *testing.T) {
	for typed, want := range map[string]string{"bsah": "did you mean bash?", "zebra": "one of bash, fish"} {
		if got := Hint(typed, []string{"bash", "fish"}); got != want {
			t.Errorf("Hint(%q) = %q, want %q", typed, got, want)
		}
	}
}
