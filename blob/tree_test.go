package blob

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

type entry struct {
	tar.Header
	data []byte
}

func reg(name string, data []byte) entry {
	return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o640, Size: int64(len(data))}, data}
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestPutTree(t *testing.T) {
	eachIndex(t, func(t *testing.T, idx Index) {
		s := openStore(t, t.TempDir(), 0, idx)
		big, small := random(1, 100_000), []byte("hello")
		data := tarOf(t,
			entry{Header: tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}},
			entry{Header: tar.Header{Name: "./z/", Typeflag: tar.TypeDir, Mode: 0o755}},
			reg("./z/big", big), reg("a", small), reg("a-b", nil), reg("z/copy", small))
		info, err := s.PutTree(ctx, bytes.NewReader(data))
		if err != nil || info.Files != 4 || info.Bytes != 100_010 {
			t.Fatalf("%+v, %v", info, err)
		}
		tree, err := s.Tree(ctx, info.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range tree.Files {
			got = append(got, fmt.Sprintf("%s %d %o", f.Path, f.Size, f.Mode))
		}
		if want := "a 5 640,a-b 0 640,z/big 100000 640,z/copy 5 640"; strings.Join(got, ",") != want {
			t.Errorf("got %v, want %v", got, want)
		}
		holds(t, s, big)
		holds(t, s, small)
		// The same folder in another order is the same tree.
		again, err := s.PutTree(ctx, bytes.NewReader(tarOf(t, reg("z/copy", small), reg("z/big", big), reg("a-b", nil), reg("a", small))))
		if err != nil || again.ID != info.ID {
			t.Errorf("%v, %v", again, err)
		}
		settled(t, s)
	})
}

func TestPinHoldsWholeTree(t *testing.T) {
	s := memStore(t, 0)
	file := random(1, 20_000)
	data := tarOf(t, reg("f", file), reg("g", nil))
	info, err := s.PutTree(ctx, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(ctx, "job/1", info.ID); err != nil {
		t.Fatal(err)
	}
	collect := func() {
		t.Helper()
		var ids []api.BlobID
		if err := s.idx.Each(ctx, func(e api.BlobEntry) error { ids = append(ids, e.ID); return nil }); err != nil {
			t.Fatal(err)
		}
		age(t, s, ids...)
		if _, err := s.GC(ctx); err != nil {
			t.Fatal(err)
		}
	}
	collect()
	holds(t, s, file)
	if err := s.Unpin(ctx, "job/1"); err != nil {
		t.Fatal(err)
	}
	collect()
	if stats, err := s.Stats(ctx); err != nil || stats.Count != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	// Pinned before it comes.
	if err := s.Pin(ctx, "job/2", info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutTree(ctx, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	collect()
	holds(t, s, file)
}

func TestPutTreeRefuses(t *testing.T) {
	odd := func(name, link string, kind byte) entry {
		return entry{Header: tar.Header{Name: name, Linkname: link, Typeflag: kind, Mode: 0o644}}
	}
	deep := strings.Repeat("d/", maxDepth+1) + "f"
	for name, c := range map[string]struct {
		entries []entry
		words   []string
	}{
		"symlink":        {[]entry{reg("ok", nil), odd("x/link", "/etc/passwd", tar.TypeSymlink)}, []string{`"x/link"`, "symbolic link", "/etc/passwd"}},
		"hard link":      {[]entry{reg("ok", nil), odd("hard", "ok", tar.TypeLink)}, []string{`"hard"`, "hard link"}},
		"device":         {[]entry{odd("null", "", tar.TypeChar)}, []string{`"null"`, "device"}},
		"fifo":           {[]entry{odd("pipe", "", tar.TypeFifo)}, []string{`"pipe"`, "named pipe"}},
		"absolute":       {[]entry{reg("/etc/x", nil)}, []string{`"/etc/x"`, "absolute"}},
		"parent":         {[]entry{reg("a/../../x", nil)}, []string{`"a/../../x"`, "leaves"}},
		"parent folder":  {[]entry{odd("../d/", "", tar.TypeDir)}, []string{`"../d"`, "leaves"}},
		"dot dot":        {[]entry{reg("..", nil)}, []string{"leaves"}},
		"unclean":        {[]entry{reg("a//b", nil)}, []string{`"a//b"`}},
		"inner dot":      {[]entry{reg("a/./b", nil)}, []string{`"a/./b"`}},
		"backslash":      {[]entry{reg(`a\..\b`, nil)}, []string{"backslash"}},
		"no UTF-8":       {[]entry{reg("a\xff", nil)}, []string{"UTF-8"}},
		"twice":          {[]entry{reg("a", nil), reg("./a", []byte("x"))}, []string{`"a"`, "twice"}},
		"file as folder": {[]entry{reg("a/b", nil), reg("a-", nil), reg("a", nil)}, []string{`"a"`, "a file and a folder"}},
		"long name":      {[]entry{reg(strings.Repeat("n", 256), nil)}, []string{"255"}},
		"long path":      {[]entry{reg(strings.Repeat("nnnnnnnnn/", 410)+"f", nil)}, []string{"4096"}},
		"deep":           {[]entry{reg(deep, nil)}, []string{"deep"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := memStore(t, 0)
			_, err := s.PutTree(ctx, bytes.NewReader(tarOf(t, c.entries...)))
			isKind(t, err, api.KindInvalid)
			if !contains(err, c.words...) {
				t.Errorf("%v does not say %q", err, c.words)
			}
			settled(t, s)
		})
	}
}

func TestPutTreeBrokenArchive(t *testing.T) {
	s := memStore(t, 1<<20)
	whole := tarOf(t, reg("a", random(1, 20_000)), reg("b", random(2, 600)))
	for _, n := range []int{1, 100, 600, 20_000, 21_600} {
		_, err := s.PutTree(ctx, bytes.NewReader(whole[:n]))
		isKind(t, err, api.KindInvalid)
	}
	_, err := s.PutTree(ctx, bytes.NewReader([]byte(strings.Repeat("no tar at all. ", 100))))
	isKind(t, err, api.KindInvalid)
	_, err = s.PutTree(ctx, bytes.NewReader(tarOf(t, reg("big", random(1, 2<<20)))))
	isKind(t, err, api.KindQuota)
	settled(t, s)
}

// endless is a tar of empty files that has no end.
func endless(t *testing.T) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		for i := 0; ; i++ {
			if tw.WriteHeader(&tar.Header{Name: fmt.Sprint(i), Typeflag: tar.TypeReg}) != nil {
				return
			}
		}
	}()
	return r
}

func TestPutTreeTooMany(t *testing.T) {
	s := memStore(t, 0)
	r := endless(t)
	defer r.Close()
	_, err := s.PutTree(ctx, r)
	if api.KindOf(err) != api.KindTooLarge || api.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	settled(t, s)
}

// A folder with more large files than a batch goes through the flush of many.
func TestPutTreeManyLargeFiles(t *testing.T) {
	s := memStore(t, 0)
	var entries []entry
	for i := range batchLarge + 50 {
		entries = append(entries, reg(fmt.Sprint(i), random(uint64(i), InlineMax+1+i%7)))
	}
	info, err := s.PutTree(ctx, bytes.NewReader(tarOf(t, entries...)))
	if err != nil || info.Files != len(entries) {
		t.Fatal(info, err)
	}
	for _, i := range []int{0, 17, batchLarge, len(entries) - 1} {
		holds(t, s, entries[i].data)
	}
	settled(t, s)
}

func TestTreeRefusesOtherBlobs(t *testing.T) {
	s := memStore(t, 0)
	valid := api.TreeFile{Path: "a", Blob: api.BlobID{1}, Mode: 0o644}
	bad := func(change func(*api.TreeFile)) string {
		f := valid
		change(&f)
		b, err := json.Marshal(api.Tree{Files: []api.TreeFile{f}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, text := range []string{
		"", "{}", "null", "[]", `{"files":null}`, `{"files":[]} {}`, `{"files":[],"x":1}`, `{"name":"a job"}`,
		bad(func(f *api.TreeFile) { f.Path = "../a" }),
		bad(func(f *api.TreeFile) { f.Blob = api.BlobID{} }),
		bad(func(f *api.TreeFile) { f.Size = -1 }),
		bad(func(f *api.TreeFile) { f.Mode = 0o4755 }),
	} {
		_, err := s.Tree(ctx, put(t, s, []byte(text)))
		isKind(t, err, api.KindInvalid)
	}
	tree, err := s.Tree(ctx, put(t, s, []byte(`{"files":[]}`)))
	if err != nil || len(tree.Files) != 0 {
		t.Errorf("an empty folder: %v", err)
	}
}

func FuzzPutTree(f *testing.F) {
	f.Add(tarOf(f, reg("a", []byte("x")), reg("b/c", random(1, 9000))))
	f.Add(tarOf(f, entry{Header: tar.Header{Name: "l", Linkname: "/", Typeflag: tar.TypeSymlink}}))
	s := memStore(f, 0)
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := s.PutTree(ctx, bytes.NewReader(data))
		if err == nil {
			if _, err := s.Tree(ctx, info.ID); err != nil {
				t.Errorf("an accepted folder is no tree: %v", err)
			}
		}
		settled(t, s)
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(`{"files":[{"path":"a/b","blob":"` + strings.Repeat("01", 32) + `","size":3,"mode":420}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := decodeTree(data)
		if err != nil {
			return
		}
		for _, file := range tree.Files {
			if checkPath(file.Path) != nil || file.Size < 0 || file.Mode > 0o777 {
				t.Errorf("accepted %+v", file)
			}
		}
	})
}
