package abstractions

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// Version is what the node says it runs.
const Version = "embedded"

// homeOf is a home, or the usual one.
func homeOf(home string) (string, error) {
	if home != "" {
		return home, nil
	}
	return config.Home(os.Getenv)
}

// customize changes the settings of a home and returns them.
func customize(home string, custom any) (*config.Config, error) {
	file, err := config.Open(home, os.Getenv)
	if err != nil {
		return nil, err
	}
	if custom != nil {
		if err := file.Update(func(c *config.Config) error { return change(c, custom) }); err != nil {
			return nil, err
		}
	}
	c := file.Get()
	return &c, nil
}

func change(c *config.Config, custom any) error {
	switch v := custom.(type) {
	case config.Config:
		*c = v
	case *config.Config:
		*c = *v
	case func(*config.Config):
		v(c)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return api.Errorf(api.KindInvalid, "the custom settings have no JSON form: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(c); err != nil {
			return api.Errorf(api.KindInvalid, "the custom settings do not fit config.json: %w", err).WithHint("p2prc config get shows the keys")
		}
	}
	return nil
}

// findAgent is the command that becomes the agent in sandboxes: the p2prc on
// PATH, or one in the home. This program cannot be it.
func findAgent(home string) []string {
	name := "p2prc"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return []string{path, "agent"}
		}
	}
	if path, err := exec.LookPath(filepath.Join(home, name)); err == nil {
		return []string{path, "agent"}
	}
	return nil
}
