package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The longest token that an invite makes in practice names three members with
// four addresses each.
var longToken = "p2prc1_" + strings.Repeat("aB3_", 100)

func inviteOnTerminal(t *testing.T, width int) *world {
	t.Helper()
	w := newWorld(t).serve()
	w.errWidth, w.env["NO_COLOR"] = width, "1"
	w.answer("POST /v1/invites", api.InviteToken{Invite: api.Invite{Uses: 1, Role: "member", Expires: day}, Token: longToken})
	w.want(0, longToken+"\n", "", "invite")
	if w.out.String() != longToken+"\n" {
		t.Errorf("the token must stand alone: %q", w.out.String())
	}
	return w
}

func TestQRCodeFitsATerminal(t *testing.T) {
	var rows []string
	for _, line := range strings.Split(inviteOnTerminal(t, 80).err.String(), "\n") {
		if strings.ContainsAny(line, "█▀▄") {
			rows = append(rows, line)
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Fatalf("a line of %d columns", n)
			}
		}
	}
	if len(rows) < 30 {
		t.Fatalf("no QR code:\n%s", strings.Join(rows, "\n"))
	}
	// The upper left corner: a light margin, then the dark frame of the finder pattern.
	for y, want := range []string{"██████████", "██ ▄▄▄▄▄ █", "██ █   █ █", "██ █▄▄▄█ █", "██▄▄▄▄▄▄▄█"} {
		if !strings.HasPrefix(rows[y], want) {
			t.Errorf("row %d begins %q, want %q", y, string([]rune(rows[y])[:10]), want)
		}
	}
}

func TestNoQRCodeWhereItHasNoRoom(t *testing.T) {
	if got := inviteOnTerminal(t, 60).err.String(); !strings.Contains(got, "no QR code") || strings.Contains(got, "█") {
		t.Errorf("on 60 columns:\n%s", got)
	}
	if got := inviteOnTerminal(t, 0).err.String(); strings.Contains(got, "QR") || strings.Contains(got, "█") {
		t.Errorf("on no terminal:\n%s", got)
	}
}
