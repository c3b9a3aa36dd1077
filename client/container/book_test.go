package container

import (
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestASlipInAName(t *testing.T) {
	b := &Book{entries: map[string]entry{"web": {}, "db": {}}, groups: map[string]group{"front": {}}}
	for typed, hint := range map[string]string{"webs": "did you mean web?", "frnt": "did you mean front?", "nosuch": "p2prc container ls lists them"} {
		if _, err := b.find(typed); api.KindOf(err) != api.KindNotFound || api.HintOf(err) != hint {
			t.Errorf("%s: %v, %s", typed, err, api.HintOf(err))
		}
	}
}
