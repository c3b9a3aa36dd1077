package cli

import (
	"context"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// buildTail is how many of a build's last lines are shown when it fails.
const buildTail = 20

// making is how far a container is that is being made.
type making struct {
	mu    sync.Mutex // guards the rest: the line is drawn by another goroutine
	text  string
	last  string   // what the build printed last
	build []string // its last lines
	image *api.ImageProgress
}

// watchCreate has a container made and shows how it goes.
func watchCreate(ctx context.Context, a *app, client *api.Client, peer string, o createOptions) (api.Container, error) {
	var m making
	heard, stop := m.heard, func() {}
	switch {
	case o.detail:
		last := ""
		heard = func(e api.ContainerEvent) {
			line := or(e.Build, e.Text)
			if e.Image != nil {
				line += ": " + e.Image.State
			}
			if line != "" && (line != last || e.Image == nil) { // an image's progress is told every second
				a.out.note("%s", line)
			}
			last = line
		}
	case !o.quiet:
		stop = a.out.every(m.line)
	}
	made, err := client.CreateContainer(ctx, peer, o.spec, heard)
	stop()
	if err != nil {
		for _, line := range m.build { // what explains the failure
			a.out.note("%s", line)
		}
	}
	return made, err
}

func (m *making) heard(e api.ContainerEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Text != "" {
		m.text, m.last, m.build = e.Text, "", nil
	}
	m.image = e.Image
	if e.Build != "" {
		m.last = e.Build
		m.build = append(m.build[max(0, len(m.build)-buildTail+1):], e.Build)
	}
}

// line is what is done now.
func (m *making) line(last bool) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case last:
		return ""
	case m.image != nil && m.image.State == api.ImageLoading:
		return m.text + ": its engine takes it"
	case m.image != nil && m.image.Bytes > 0:
		return m.text + ": " + bytesOf(m.image.Have) + " of " + bytesOf(m.image.Bytes)
	case m.last != "":
		return m.text + ": " + m.last
	}
	return m.text
}
