package jobfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// ParseEach reads a flag NAME=VALUES (see ParseAxis); @file is below dir.
func ParseEach(flag, dir string) (api.Axis, error) {
	name, values, ok := strings.Cut(flag, "=")
	if !ok {
		return api.Axis{}, api.Errorf(api.KindUsage, "--each %s has no values", flag).WithHint("like --each n=1-100, --each n=a,b,c or --each n=@file")
	}
	axis, err := ParseAxis(name, values, dir)
	if err != nil {
		return axis, api.Errorf(api.KindUsage, "--each %s: %w", flag, err).WithHint("%s", api.HintOf(err))
	}
	return axis, nil
}

// ParseInput reads a flag PATH or PATH:DEST; where a path with the colon in it
// exists below dir, it is meant.
func ParseInput(flag, dir string) LocalInput {
	whole := LocalInput{Path: flag, Dest: destOf(flag)}
	abs := flag
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(dir, abs)
	}
	if _, err := os.Lstat(abs); err == nil {
		return whole
	}
	i := strings.LastIndexByte(flag, ':')
	if i < 1 || runtime.GOOS == "windows" && i == 1 {
		return whole
	}
	return LocalInput{Path: flag[:i], Dest: filepath.ToSlash(flag[i+1:])}
}

// ParseEnv reads flags NAME=VALUE, or NAME alone for the value it has here.
func ParseEnv(flags []string, getenv func(string) string) (map[string]string, error) {
	env := map[string]string{}
	for _, f := range flags {
		name, value, ok := strings.Cut(f, "=")
		if name == "" {
			return nil, api.Errorf(api.KindUsage, "--env %s names no variable", f).WithHint("like --env QUALITY=high")
		}
		if !ok {
			value = getenv(name)
		}
		env[name] = value
	}
	return env, nil
}
