//go:build !linux

package near

import (
	"errors"
	"net"
)

// Offer is never made here: containers are Linux.
type Offer struct{ net.Conn }

// New makes none.
func New() (*Offer, error) { return nil, errors.ErrUnsupported }

// Take gets nothing here.
func Take(func() (int, error)) (net.Conn, error) { return nil, errors.ErrUnsupported }
