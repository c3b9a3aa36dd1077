//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

func reach(all []string) {
	for _, to := range all {
		protos := []string{"tcp", "udp"}
		if strings.HasPrefix(to, "@") {
			protos = []string{"unix"}
		}
		for _, proto := range protos {
			fmt.Println(proto, to, outcome(netlab.Greet(proto, to, 2*time.Second)))
		}
	}
}

// outcome is one word.
func outcome(err error) string {
	switch {
	case err == nil:
		return "greeted"
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "refused"
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EADDRNOTAVAIL):
		return "cut-off"
	}
	return strings.ReplaceAll(err.Error(), " ", "_")
}

func serve() {
	l, err := net.Listen("tcp", ":80")
	check(err)
	p, err := net.ListenPacket("udp", ":80")
	check(err)
	addrs, err := net.InterfaceAddrs()
	check(err)
	for _, a := range addrs {
		if n := a.(*net.IPNet); n.IP.IsGlobalUnicast() {
			fmt.Println(n.IP)
		}
	}
	go netlab.ServeUDP(p)
	netlab.ServeTCP(l)
}
