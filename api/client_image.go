package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Images lists the images of the node's container engine.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	return get[[]Image](ctx, c, nil, "images")
}

// PeerImages lists the images of a peer's container engine that this node may run there.
func (c *Client) PeerImages(ctx context.Context, peer string) ([]Image, error) {
	return get[[]Image](ctx, c, nil, "peers", peer, "images")
}

// ImportImage uploads the archive of an image, as docker save writes it.
func (c *Client) ImportImage(ctx context.Context, archive io.Reader) (Image, error) {
	var out Image
	err := c.send(ctx, http.MethodPost, "/v1/images", nil, tarType, archive, &out)
	return out, err
}

// SendImage gives an image to members and calls fn with how it goes, last with
// what came of it for each of them. The error is about the image itself.
func (c *Client) SendImage(ctx context.Context, req SendImage, fn func(ImageProgress) error) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, http.MethodPost, join([]string{"images", "send"}), nil, jsonType, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachRow(ctx, c, resp.Body, fn)
}
