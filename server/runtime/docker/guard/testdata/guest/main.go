// Command guest is p2prc's agent and a hostile guest, for the test of guards:
//
//	guest try ADDRESS...     greet each by TCP and UDP; prints "PROTO ADDRESS OUTCOME" lines
//	guest serve              greet on ports 80 and 8080; prints its addresses
//	guest lift               do what a guest could against its guard; prints what was not denied
//	guest resolvers          print /etc/resolv.conf
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

func main() {
	switch os.Args[1] {
	case "agent":
		os.Exit(agent.Main(os.Args[2:]))
	case "try":
		for _, to := range os.Args[2:] {
			for _, proto := range []string{"tcp", "udp"} {
				fmt.Println(proto, to, outcome(netlab.Greet(proto, to, 2*time.Second)))
			}
		}
	case "serve":
		check(serve())
	case "lift":
		lift()
	case "resolvers":
		b, err := os.ReadFile("/etc/resolv.conf")
		check(err)
		fmt.Printf("%s", b)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// outcome is one word: refused by the filter, cut off from everything, or what else.
func outcome(err error) string {
	switch {
	case err == nil:
		return "greeted"
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EPERM):
		return "refused"
	case errors.Is(err, unix.ENETUNREACH):
		return "cut-off"
	}
	return strings.ReplaceAll(err.Error(), " ", "_")
}

func serve() error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM)
	for _, port := range []string{":80", ":8080"} {
		l, err := net.Listen("tcp", port)
		if err != nil {
			return err
		}
		p, err := net.ListenPacket("udp", port)
		if err != nil {
			return err
		}
		go netlab.ServeTCP(l)
		go netlab.ServeUDP(p)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	var global []string
	for _, a := range addrs {
		if n := a.(*net.IPNet); n.IP.IsGlobalUnicast() {
			global = append(global, n.IP.String())
		}
	}
	fmt.Println(strings.Join(global, " "))
	<-end
	return nil
}

func lift() {
	for name, try := range map[string]func() error{
		"delete the table": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			c.FlushRuleset()
			return c.Flush()
		},
		"read the table": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			_, err = c.ListTables()
			return err
		},
		"interface down": func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			check(err)
			req, err := unix.NewIfreq("eth0")
			check(err)
			return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
		},
		"packet socket": func() error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err },
		"raw socket":    func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW); return err },
		"user namespace": func() error {
			return unix.Unshare(unix.CLONE_NEWUSER)
		},
		"network namespace": func() error { return unix.Unshare(unix.CLONE_NEWNET) },
	} {
		if err := try(); !errors.Is(err, unix.EPERM) {
			fmt.Println(name, "was not denied:", err)
		}
	}
}
