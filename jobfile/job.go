package jobfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Job is a batch as a person wrote it. Spec lacks what is only known after an
// upload (Module, StdinBlob, Inputs) and what the pool must resolve (On).
type Job struct {
	Spec      api.JobSpec
	Module    string       // path of a local wasm module, empty if none
	StdinFile string       // path of a local file, empty if none
	Inputs    []LocalInput // to upload
	On        []string     // peers as written: names, ids, addresses
	Dir       string       // relative paths above are below it
}

// LocalInput is a file or folder of this machine and the place it gets in each
// task's directory.
type LocalInput struct {
	Path string // on this machine
	Dest string // slash-separated, below the task's directory
}

// maxFile is the longest job file that is read, in bytes.
const maxFile = 16 << 20

// Load reads the job file at path; errors call it name. Relative paths in it are
// below its folder.
func Load(path, name string) (*Job, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.KindNotFound, "there is no job file %s", name)
	case err != nil:
		return nil, api.Errorf(api.KindInternal, "%w", err)
	case st.IsDir():
		return nil, api.Errorf(api.KindInvalid, "%s is a folder", name).WithHint("name the job file in it")
	case !st.Mode().IsRegular():
		return nil, api.Errorf(api.KindInvalid, "%s is not a file", name)
	case st.Size() > maxFile:
		return nil, api.Errorf(api.KindTooLarge, "job file %s is larger than %d MiB", name, maxFile>>20).WithHint("put long lists into a file of their own: each: {name: \"@list.txt\"}")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	return Parse(name, filepath.Dir(path), text)
}

// Parse reads the text of a job file; file is its name in errors, dir the folder
// that relative paths are below.
func Parse(file, dir string, text []byte) (*Job, error) {
	r := &reader{file: file, text: text, at: map[string]mark{}}
	j := &Job{Dir: dir}
	body, err := r.parse()
	if err != nil {
		return nil, err
	}
	if err := r.object(body, "", fileFields, j); err != nil {
		return nil, err
	}
	if err := j.Check(); err != nil {
		return nil, r.locate(err)
	}
	return j, nil
}

// Abs makes a path of the job usable from anywhere.
func (j *Job) Abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(j.Dir, path)
}
