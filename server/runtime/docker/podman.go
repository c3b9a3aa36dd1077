package docker

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// podmanInfo is what podman says of itself by its own API. By docker's it claims
// every limit, also those that it leaves out (v4.3.1).
type podmanInfo struct {
	Host struct {
		CgroupVersion     string   `json:"cgroupVersion"`
		CgroupControllers []string `json:"cgroupControllers"` // that it may use
	} `json:"host"`
}

// podman asks an engine for it; nil when the engine is another one.
func (e *Engine) podman(ctx context.Context) (*podmanInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return e.api.Dialer()(ctx) }
	via := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/v4.0.0/libpod/info", http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := via.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() // read only: nothing is lost
	if resp.StatusCode != http.StatusOK {
		return nil, nil
	}
	var i podmanInfo
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&i); err != nil {
		return nil, api.Errorf(api.KindInternal, "what podman says of itself: %w", err)
	}
	return &i, nil
}
