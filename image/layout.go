package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// ChunkSize is how many bytes of a layer one blob holds.
	ChunkSize = 1 << 20

	configName = "config.json"
	maxConfig  = ChunkSize
	maxLayers  = 512
)

func chunkName(layer, chunk int) string { return fmt.Sprintf("layers/%03d/%06d", layer, chunk) }

// layout is a folder that was found to have the form of an image.
type layout struct {
	config api.TreeFile
	layers [][]api.TreeFile
	bytes  int64
}

// readLayout refuses, as KindInvalid, a folder that is no image, and as KindQuota
// one of more than most bytes. Files are what a stranger says they are.
func readLayout(t api.Tree, most int64) (layout, error) {
	bad := func(why string) (layout, error) {
		return layout{}, api.Errorf(api.KindInvalid, "that is no image: %s", why)
	}
	if len(t.Files) == 0 || t.Files[0].Path != configName {
		return bad("it has no configuration")
	}
	l := layout{config: t.Files[0], bytes: t.Files[0].Size}
	if l.config.Size > maxConfig {
		return bad("its configuration is larger than 1 MiB")
	}
	for _, f := range t.Files[1:] {
		n := len(l.layers)
		switch {
		case n > 0 && f.Path == chunkName(n-1, len(l.layers[n-1])):
			if last := l.layers[n-1][len(l.layers[n-1])-1]; last.Size != ChunkSize {
				return bad("a piece in the middle of a layer is short")
			}
			l.layers[n-1] = append(l.layers[n-1], f)
		case f.Path == chunkName(n, 0):
			l.layers = append(l.layers, []api.TreeFile{f})
		default:
			return bad(fmt.Sprintf("%.80q is no piece of one", f.Path))
		}
		if f.Size < 1 || f.Size > ChunkSize {
			return bad("a piece has an impossible size")
		}
		l.bytes += f.Size
		if len(l.layers) > maxLayers {
			return bad("it has more than 512 layers")
		}
	}
	if l.bytes > most {
		return layout{}, tooLarge(l.bytes, most)
	}
	return l, nil
}

func tooLarge(bytes, most int64) error {
	return api.Errorf(api.KindQuota, "the image has %d bytes, and at most %d are kept for borrowers here", bytes, most).
		WithHint("the lender's owner can raise it: p2prc lend limits --images")
}

// config is what has to be known of an image's configuration.
type config struct {
	OS     string `json:"os"`
	Arch   string `json:"architecture"`
	RootFS struct {
		Type    string        `json:"type"`
		DiffIDs []api.ImageID `json:"diff_ids"`
	} `json:"rootfs"`
}

// readConfig checks a configuration against the id that names it and the number
// of layers that came with it.
func readConfig(b []byte, id api.ImageID, layers int) (config, error) {
	var c config
	if got := digest(sha256.Sum256(b)); got != id {
		return c, api.Errorf(api.KindCorrupt, "the image's configuration is that of %s, not of %s", got, id)
	}
	if err := json.Unmarshal(b, &c); err != nil || c.RootFS.Type != "layers" {
		return c, api.Errorf(api.KindInvalid, "that is no image: its configuration cannot be read")
	}
	if len(c.RootFS.DiffIDs) != layers || layers == 0 {
		return c, api.Errorf(api.KindInvalid, "that is no image: its configuration names %d layers, it has %d", len(c.RootFS.DiffIDs), layers)
	}
	for _, d := range c.RootFS.DiffIDs {
		if !d.Valid() {
			return c, api.Errorf(api.KindInvalid, "that is no image: its configuration names no proper layers")
		}
	}
	return c, nil
}

func digest(sum [sha256.Size]byte) api.ImageID {
	return api.ImageID("sha256:" + hex.EncodeToString(sum[:]))
}
