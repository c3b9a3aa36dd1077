package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// sendImage gives an image to peers and shows how it goes. It fails with the
// first peer's error when no peer has the image in the end, and else if any has not.
func sendImage(ctx context.Context, a *app, image string, names []string, where string, asJSON bool) error {
	client, err := a.node()
	if err != nil {
		return err
	}
	req := api.SendImage{Image: image, Where: where}
	for _, name := range names {
		p, err := client.Peer(ctx, name)
		if err != nil {
			return err
		}
		req.Peers = append(req.Peers, p.ID)
	}
	peers, err := peerNames(ctx, client)
	if err != nil {
		return err
	}
	if req.Image, err = uploadArchive(ctx, a, client, image); err != nil {
		return err
	}
	s := sending{image: image, state: map[api.PeerID]api.ImageProgress{}}
	stop := a.out.every(s.line)
	err = client.SendImage(ctx, req, s.heard)
	stop()
	if err != nil {
		return err
	}
	var failed error
	good := 0
	for _, id := range s.order {
		p := s.state[id]
		if asJSON {
			line, err := json.Marshal(p)
			if err == nil {
				err = a.out.line("%s", line)
			}
			if err != nil {
				return err
			}
		} else if err := a.out.line("%s", said(p, or(peers[id], id.Short()))); err != nil {
			return err
		}
		if p.Error == nil {
			good++
		} else if failed == nil {
			failed = p.Error.Err()
		}
	}
	if failed != nil && len(s.order) > 1 {
		var e *api.Error
		failed = api.Errorf(api.KindOf(failed), "%d of %d peers did not take the image", len(s.order)-good, len(s.order))
		if errors.As(failed, &e) {
			failed = e.WithHint("the lines above say why; run it again for those")
		}
	}
	return failed
}

// uploadArchive is what the node calls the image that was typed: itself, or what
// is in the archive of that name.
func uploadArchive(ctx context.Context, a *app, client *api.Client, image string) (string, error) {
	f, err := archiveFile(a.abs(image))
	if err != nil || f == nil {
		return image, err
	}
	defer f.Close()
	img, err := client.ImportImage(ctx, f)
	return string(img.ID), err
}

// said is what came of an image's way to one peer.
func said(p api.ImageProgress, name string) string {
	switch p.State {
	case api.ImageThere:
		return name + ": already there"
	case api.ImageDone:
		return fmt.Sprintf("%s: has it, %s of %s sent from here", name, bytesOf(p.Sent), bytesOf(p.Bytes))
	}
	text := name + ": failed"
	if p.Error != nil {
		text += ": " + p.Error.Detail
		if p.Error.Hint != "" {
			text += " (" + p.Error.Hint + ")"
		}
	}
	return text
}

// sending is how an image's ways to peers stand.
type sending struct {
	image string
	mu    sync.Mutex // guards what follows: the line is drawn by another goroutine
	state map[api.PeerID]api.ImageProgress
	order []api.PeerID
}

func (s *sending) heard(p api.ImageProgress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.state[p.Peer]; !known && p.Peer != "" {
		s.order = append(s.order, p.Peer)
	}
	s.state[p.Peer] = p
	return nil
}

// line is the progress of all of them.
func (s *sending) line(last bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last {
		return ""
	}
	if len(s.order) == 0 {
		return "making " + s.image + " ready"
	}
	var have, bytes, sent int64
	done := 0
	for _, id := range s.order {
		p := s.state[id]
		have, bytes, sent = have+p.Have, bytes+p.Bytes, sent+p.Sent
		if p.State == api.ImageDone || p.State == api.ImageThere || p.State == api.ImageFailed {
			done++
		}
	}
	return strings.Join([]string{s.image + ": " + bytesOf(have) + " of " + bytesOf(bytes) + " there", bytesOf(sent) + " sent from here",
		fmt.Sprintf("%d of %s done", done, plural(int64(len(s.order)), "peer"))}, ", ")
}
