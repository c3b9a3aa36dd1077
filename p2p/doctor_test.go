package p2p

import "testing"

// Nobody outside is connected: that nothing is known is not that all is well.
func TestDoctorDoesNotCallUnknownOK(t *testing.T) {
	d, err := newPool(t, 2)[0].Diagnose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range d.Findings {
		if f.Name == "address" {
			seen++
			if f.OK || !f.Note {
				t.Errorf("%+v", f)
			}
		}
	}
	if seen != 1 {
		t.Errorf("%+v", d.Findings)
	}
}
