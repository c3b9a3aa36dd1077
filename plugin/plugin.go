package plugin

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/atomicfile"
)

// The files of a plugin.
const (
	siteFile        = "site.yml"
	hostsFile       = "hosts"
	portsFile       = "ports.json"
	descriptionFile = "description.txt"
	pinSuffix       = ".pin.json"
	logDir          = "log" // of the folder that plugins are in
)

// Plugin is one folder.
type Plugin struct {
	Name        string `json:"name"`
	Dir         string `json:"dir"`
	Description string `json:"description"`
	Ports       int    `json:"ports"`             // how many each host has to have free
	Pin         *Pin   `json:"pin,omitempty"`     // nil: it was not pulled
	Problem     string `json:"problem,omitempty"` // why it cannot be run
}

// Pin is what was pulled.
type Pin struct {
	URL    string    `json:"url"`
	Rev    string    `json:"rev,omitempty"` // as it was asked for; empty: the default branch
	Commit string    `json:"commit"`
	Hash   string    `json:"hash"` // of the files
	Pulled time.Time `json:"pulled"`
	Agreed bool      `json:"agreed"` // it was shown, and may run
}

// shortCommit is how much of a commit is shown, and the least that a pin has.
const shortCommit = 12

// Folder is where the plugins of a home are.
type Folder struct{ dir string }

// Open is the plugins in dir, which need not be there.
func Open(dir string) *Folder { return &Folder{dir} }

var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// named tells whether a plugin may have a name: that of the logs' folder is taken.
func named(name string) bool { return goodName.MatchString(name) && !strings.EqualFold(name, logDir) }

// List is all of them, by name.
func (f *Folder) List() ([]Plugin, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	var all []Plugin
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(f.dir, e.Name(), siteFile)); err != nil || !named(e.Name()) {
			continue
		}
		p, err := f.Get(e.Name())
		if err != nil {
			p = Plugin{Name: e.Name(), Dir: filepath.Join(f.dir, e.Name()), Problem: err.Error()}
		}
		all = append(all, p)
	}
	return all, nil
}

// Get is one plugin: of this folder by its name, else, where name is a path with a
// slash, the folder there.
func (f *Folder) Get(name string) (Plugin, error) {
	if strings.ContainsAny(name, `/\`) {
		return read(Plugin{Name: filepath.Base(filepath.Clean(name)), Dir: name})
	}
	p := Plugin{Name: name, Dir: filepath.Join(f.dir, name)}
	if _, err := os.Stat(p.Dir); err != nil || !named(name) {
		return p, api.Errorf(api.KindNotFound, "there is no plugin %.80q", name).WithHint("p2prc plugin ls lists them; a folder is written with a slash: ./%s", name)
	}
	raw, err := os.ReadFile(f.pinPath(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return p, api.Errorf(api.KindInternal, "%w", err)
	default:
		if err := json.Unmarshal(raw, &p.Pin); err != nil || p.Pin == nil || len(p.Pin.Commit) < shortCommit || p.Pin.URL == "" || p.Pin.Hash == "" {
			p.Pin = nil
			return p, api.Errorf(api.KindCorrupt, "%s makes no sense", f.pinPath(name)).WithHint("p2prc plugin rm %s, then pull it again", name)
		}
	}
	return read(p)
}

// read fills in what the files say.
func read(p Plugin) (Plugin, error) {
	if _, err := os.Stat(filepath.Join(p.Dir, siteFile)); err != nil {
		return p, api.Errorf(api.KindInvalid, "%s is no plugin: it has no %s", p.Name, siteFile)
	}
	if b, err := os.ReadFile(filepath.Join(p.Dir, descriptionFile)); err == nil {
		p.Description = strings.TrimSpace(string(b))
	}
	b, err := os.ReadFile(filepath.Join(p.Dir, portsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	var file struct{ NumOfPorts int }
	if err != nil || json.Unmarshal(b, &file) != nil || file.NumOfPorts < 0 {
		return p, api.Errorf(api.KindInvalid, "%s of plugin %s is not as it must be", portsFile, p.Name).WithHint(`it is {"NumOfPorts": 1}`)
	}
	p.Ports = file.NumOfPorts
	return p, nil
}

// Agree notes that a plugin was shown and may run.
func (f *Folder) Agree(p Plugin) error {
	pin := *p.Pin
	pin.Agreed = true
	return f.savePin(p.Name, pin)
}

// Remove forgets a plugin.
func (f *Folder) Remove(name string) error {
	if _, err := os.Stat(filepath.Join(f.dir, name)); err != nil || !named(name) {
		return api.Errorf(api.KindNotFound, "there is no plugin %.80q", name).WithHint("p2prc plugin ls lists them")
	}
	err := os.RemoveAll(filepath.Join(f.dir, name))
	if err == nil {
		err = os.Remove(f.pinPath(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	return nil
}

func (f *Folder) pinPath(name string) string { return filepath.Join(f.dir, name+pinSuffix) }

func (f *Folder) savePin(name string, pin Pin) error {
	b, err := json.MarshalIndent(pin, "", "  ")
	if err == nil {
		err = atomicfile.Write(f.pinPath(name), append(b, '\n'))
	}
	if err != nil {
		return api.Errorf(api.KindInternal, "the pin of plugin %s cannot be written: %w", name, err)
	}
	return nil
}
