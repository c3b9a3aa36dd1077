package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func packed(t testing.TB, b []byte, most int64) (api.KeptImage, error) {
	t.Helper()
	s := newBlobs(t, 0)
	into := s.NewTree()
	defer func() {
		if err := into.Discard(); err != nil {
			t.Error(err)
		}
	}()
	return Pack(t.Context(), bytes.NewReader(b), into, most)
}

// A packed image is an archive again that holds the same and has our name only.
func TestPackAndArchive(t *testing.T) {
	pic := newPicture("amd64", layer(1, 3<<20), layer(2, 100), layer(1, 3<<20))
	s := newBlobs(t, 0)
	img, err := Pack(t.Context(), bytes.NewReader(pic.archive()), s.NewTree(), math.MaxInt64)
	if err != nil || img.ID != pic.id {
		t.Fatalf("%+v, %v; want %s", img, err, pic.id)
	}
	tree, err := s.Tree(t.Context(), img.Tree)
	if err != nil {
		t.Fatal(err)
	}
	l, err := readLayout(tree, math.MaxInt64)
	if err != nil || len(l.layers) != 3 || len(l.layers[0]) != 4 || l.bytes != img.Bytes {
		t.Fatalf("%d layers, %d of %d bytes, %v", len(l.layers), l.bytes, img.Bytes, err)
	}
	if l.layers[0][2].Blob != l.layers[2][2].Blob {
		t.Error("equal layers are different blobs")
	}
	p, err := open(t.Context(), pic.id, l, s)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Archive(t.Context(), &out, s, "ours:1"); err != nil {
		t.Fatal(err)
	}
	e := newEngine()
	if err := e.Load(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got := e.images[pic.id]; !slices.EqualFunc(got.layers, pic.layers, bytes.Equal) || !slices.Equal(e.names(), []string{"ours:1"}) {
		t.Errorf("the engine has %d layers under %v", len(got.layers), e.names())
	}
}

// Engines write layers that are there twice as links, and some compress them.
func TestPackLinksAndGzip(t *testing.T) {
	pic := newPicture("amd64", layer(1, 2000), layer(1, 2000), layer(2, 2000))
	m := pic.members()
	for i := range m {
		switch m[i].name {
		case "layer1/layer.tar":
			m[i] = member{name: m[i].name, kind: tar.TypeSymlink, link: "../layer0/layer.tar"}
		case "layer2/layer.tar":
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			if err := write(w, m[i].body); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			m[i].body = z.Bytes()
		}
	}
	if img, err := packed(t, pack(m...), math.MaxInt64); err != nil || img.ID != pic.id {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestPackRefuses(t *testing.T) {
	pic := newPicture("amd64", layer(1, 3000), layer(2, 3000))
	good := pic.archive()
	change := func(name string, fn func(*member)) []byte {
		m := pic.members()
		for i := range m {
			if m[i].name == name {
				fn(&m[i])
			}
		}
		return pack(m...)
	}
	with := func(more ...member) []byte { return pack(append(more, pic.members()...)...) }
	bomb := func() []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		for range 64 {
			if err := write(w, make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return z.Bytes()
	}()
	var thousands []member
	for i := range maxEntries {
		thousands = append(thousands, member{name: fmt.Sprint("f", i)})
	}
	const manifest = "manifest.json"
	for name, c := range map[string]struct {
		archive []byte
		kind    api.Kind
		says    string
	}{
		"0 bytes":                  {nil, api.KindInvalid, "empty"},
		"not a tar":                {[]byte(strings.Repeat("no archive at all ", 100)), api.KindInvalid, "damaged"},
		"cut off":                  {good[:4000], api.KindInvalid, "damaged or cut off"},
		"cut off between files":    {good[:3*512], api.KindInvalid, "manifest.json"},
		"a layer's byte is wrong":  {change("layer1/layer.tar", func(m *member) { m.body = bytes.Clone(m.body); m.body[700] ^= 1 }), api.KindCorrupt, "layer 2"},
		"another configuration":    {change(pic.members()[0].name, func(m *member) { m.body = newPicture("amd64", layer(9, 9), layer(8, 8)).config }), api.KindCorrupt, "layer 1"},
		"a layer is missing":       {change("layer1/layer.tar", func(m *member) { m.name = "elsewhere" }), api.KindInvalid, "layer1/layer.tar"},
		"an empty layer":           {change("layer1/layer.tar", func(m *member) { m.body = nil }), api.KindInvalid, "empty"},
		"no configuration":         {change(pic.members()[0].name, func(m *member) { m.name = "x" }), api.KindInvalid, "configuration"},
		"no manifest":              {change(manifest, func(m *member) { m.name = "x" }), api.KindInvalid, "manifest.json"},
		"a manifest of nonsense":   {change(manifest, func(m *member) { m.body = []byte("[{]") }), api.KindInvalid, "cannot be read"},
		"two images":               {change(manifest, func(m *member) { m.body = []byte("[{},{}]") }), api.KindInvalid, "2 images"},
		"a name that climbs":       {with(member{name: "../../etc/cron.d/x", body: []byte("x")}), api.KindInvalid, "leaves it"},
		"an absolute name":         {with(member{name: "/etc/passwd", body: []byte("x")}), api.KindInvalid, "leaves it"},
		"a link that climbs":       {with(member{name: "x", kind: tar.TypeSymlink, link: "../../etc/shadow"}), api.KindInvalid, "leaves it"},
		"a link to an absolute":    {with(member{name: "x", kind: tar.TypeSymlink, link: "/etc/shadow"}), api.KindInvalid, "leaves it"},
		"a layer that is a loop":   {change("layer1/layer.tar", func(m *member) { *m = member{name: m.name, kind: tar.TypeSymlink, link: "layer.tar"} }), api.KindInvalid, "layer1/layer.tar"},
		"a device":                 {with(member{name: "x", kind: tar.TypeChar}), api.KindInvalid, "neither a file"},
		"one name twice":           {with(member{name: manifest, body: []byte("[]")}), api.KindInvalid, "twice"},
		"thousands of entries":     {pack(append(thousands, pic.members()...)...), api.KindInvalid, "entries"},
		"a bomb":                   {change("layer1/layer.tar", func(m *member) { m.body = bomb }), api.KindQuota, "at most"},
		"compressed with zstd":     {change("layer1/layer.tar", func(m *member) { m.body = []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0} }), api.KindUnsupported, "zstd"},
		"a broken compressed file": {change("layer1/layer.tar", func(m *member) { m.body = bomb[:2000] }), api.KindInvalid, "damaged"},
	} {
		_, err := packed(t, c.archive, 8<<20)
		t.Run(name, func(t *testing.T) { isKind(t, err, c.kind, c.says) })
	}
}

func FuzzPack(f *testing.F) {
	pic := newPicture("amd64", layer(1, 300))
	f.Add(pic.archive())
	f.Add([]byte{})
	f.Add(pack(member{name: "manifest.json", body: []byte(`[{"Config":"manifest.json","Layers":["manifest.json"]}]`)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := packed(t, b, 1<<20); err == nil && (!img.ID.Valid() || img.Tree.IsZero() || img.Bytes > 1<<20) {
			t.Errorf("accepted as %+v", img)
		}
	})
}

// What a stranger says a folder is never makes more of it than it holds.
func FuzzLayout(f *testing.F) {
	f.Add("layers/000/000000", "layers/000/000001", int64(ChunkSize), int64(7))
	f.Add("layers/001/000000", "../x", int64(-1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, a, b string, m, n int64) {
		tree := api.Tree{Files: []api.TreeFile{{Path: configName, Size: 10}, {Path: a, Size: m}, {Path: b, Size: n}}}
		l, err := readLayout(tree, 3*ChunkSize)
		if err == nil && (l.bytes != 10+m+n || l.bytes > 3*ChunkSize || m < 1 || n < 1) {
			t.Errorf("%q %d, %q %d make %+v", a, m, b, n, l)
		}
	})
}

func TestReadConfig(t *testing.T) {
	pic := newPicture("amd64", layer(1, 10))
	id := func(b []byte) api.ImageID { return digest(sha256.Sum256(b)) }
	noLayers, odd := []byte(`{"rootfs":{"type":"layers"}}`), []byte(`{"rootfs":{"type":"layers","diff_ids":["../x"]}}`)
	for name, c := range map[string]struct {
		b      []byte
		id     api.ImageID
		layers int
		kind   api.Kind
	}{
		"good":            {pic.config, pic.id, 1, ""},
		"another's":       {pic.config, id(nil), 1, api.KindCorrupt},
		"too many layers": {pic.config, pic.id, 2, api.KindInvalid},
		"no layers":       {noLayers, id(noLayers), 0, api.KindInvalid},
		"odd layers":      {odd, id(odd), 1, api.KindInvalid},
		"no JSON":         {[]byte("x"), id([]byte("x")), 1, api.KindInvalid},
	} {
		if _, err := readConfig(c.b, c.id, c.layers); (err == nil) != (c.kind == "") || err != nil && api.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
