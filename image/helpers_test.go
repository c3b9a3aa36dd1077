package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

func newBlobs(t testing.TB, quota int64) *blob.Store {
	t.Helper()
	s, err := blob.Open(t.TempDir(), quota, blob.NewMemory(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// member is an entry of an archive.
type member struct {
	name, link string
	kind       byte // of tar; 0: a file
	body       []byte
}

func pack(members ...member) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Linkname: m.link, Typeflag: m.kind, Size: int64(len(m.body)), Mode: 0o644}
		if m.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := errors.Join(w.WriteHeader(h), write(w, m.body)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func write(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// layer is the tar of a layer: one file of n bytes that depend on seed.
func layer(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(b) // it does not fail
	return pack(member{name: fmt.Sprintf("file-%d", seed), body: b})
}

// picture is an image: its configuration and its layers.
type picture struct {
	id     api.ImageID
	config []byte
	layers [][]byte
}

func newPicture(arch string, layers ...[]byte) picture {
	var c config
	c.OS, c.Arch, c.RootFS.Type = "linux", arch, "layers"
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest(sha256.Sum256(l)))
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return picture{digest(sha256.Sum256(b)), b, layers}
}

// members is the archive of a picture as engines of the docker family write it.
func (p picture) members() []member {
	hex := strings.TrimPrefix(string(p.id), "sha256:")
	m := []member{{name: hex + ".json", body: p.config}}
	var names []string
	for i, l := range p.layers {
		dir := fmt.Sprintf("layer%d", i)
		names = append(names, dir+"/layer.tar")
		m = append(m, member{name: dir + "/", kind: tar.TypeDir}, member{name: dir + "/layer.tar", body: l}, member{name: dir + "/VERSION", body: []byte("1.0")})
	}
	list, err := json.Marshal([]map[string]any{{"Config": hex + ".json", "RepoTags": []string{"owner/own:latest"}, "Layers": names}})
	if err != nil {
		panic(err)
	}
	return append(m, member{name: "manifest.json", body: list})
}

func (p picture) archive() []byte { return pack(p.members()...) }

// fakeEngine is an engine in memory that takes what engines take, and checks it
// as they do.
type fakeEngine struct {
	mu      sync.Mutex
	arch    string
	images  map[api.ImageID]picture
	tags    map[string]api.ImageID
	inUse   map[string]bool // tags of images that containers use
	loads   int
	refuse  error // of the next load, once it has read all
	down    error
	loading func() // called in the middle of a load
	// registry is what can be pulled.
	registry map[string]picture
	packed   map[string]int64 // how large its layers are there
	slow     string           // what its registry never sends to the end
}

func newEngine() *fakeEngine {
	return &fakeEngine{arch: "amd64", images: map[api.ImageID]picture{}, tags: map[string]api.ImageID{}, inUse: map[string]bool{}}
}

func (e *fakeEngine) add(p picture, tag string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images[p.id], e.tags[tag] = p, p.id
}

func (e *fakeEngine) Find(_ context.Context, name string) (api.Image, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := api.ImageID(name)
	if tagged, ok := e.tags[name]; ok {
		id = tagged
	}
	p, ok := e.images[id]
	if e.down != nil || !ok {
		return api.Image{}, errors.Join(e.down, api.Errorf(api.KindNotFound, "no image %s", name))
	}
	return api.Image{ID: id, OS: "linux", Arch: e.arch, Size: int64(len(bytes.Join(p.layers, nil)))}, nil
}

func (e *fakeEngine) List(context.Context) (out []api.Image, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for tag, id := range e.tags {
		out = append(out, api.Image{ID: id, Tags: []string{tag}})
	}
	return out, nil
}

func (e *fakeEngine) Save(_ context.Context, id api.ImageID) (io.ReadCloser, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return io.NopCloser(bytes.NewReader(e.images[id].archive())), nil
}

func (e *fakeEngine) Load(_ context.Context, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return api.Errorf(api.KindInternal, "the engine: %w", err)
	}
	if e.loading != nil {
		e.loading()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse != nil {
		return e.refuse
	}
	files := map[string][]byte{}
	for tr := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			return err
		}
	}
	var list []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &list); err != nil || len(list) != 1 || len(list[0].RepoTags) != 1 {
		return fmt.Errorf("the archive names %+v, %v", list, err)
	}
	p := picture{id: digest(sha256.Sum256(files[list[0].Config])), config: files[list[0].Config]}
	var c config
	if err := json.Unmarshal(p.config, &c); err != nil {
		return err
	}
	for i, name := range list[0].Layers {
		if digest(sha256.Sum256(files[name])) != c.RootFS.DiffIDs[i] {
			return errors.New("invalid diffID")
		}
		p.layers = append(p.layers, files[name])
	}
	e.loads++
	e.images[p.id], e.tags[list[0].RepoTags[0]] = p, p.id
	return nil
}

func (e *fakeEngine) Pull(ctx context.Context, name string, most int64) error {
	if name == e.slow {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	p, ok := e.registry[name]
	if !ok {
		return api.Errorf(api.KindUnsupported, "image %s cannot be pulled", name)
	}
	if n := e.packed[name]; n > most {
		return tooLarge(n, most)
	}
	e.add(p, name)
	return nil
}

func (e *fakeEngine) Tag(_ context.Context, id api.ImageID, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tags[name] = id
	return nil
}

func (e *fakeEngine) Untag(_ context.Context, tag string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inUse[tag] {
		return api.Errorf(api.KindConflict, "in use")
	}
	id := e.tags[tag]
	delete(e.tags, tag)
	for _, other := range e.tags {
		if other == id {
			return nil
		}
	}
	delete(e.images, id)
	return nil
}

func (e *fakeEngine) Platform(context.Context) (string, string, error) { return "linux", e.arch, nil }

func (e *fakeEngine) names() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for tag := range e.tags {
		all = append(all, tag)
	}
	slices.Sort(all)
	return all
}

func isKind(t testing.TB, err error, kind api.Kind, says string) {
	t.Helper()
	if api.KindOf(err) != kind || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("got %v (%s), want %s with %q", err, api.KindOf(err), kind, says)
	}
}
