package session

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/sftp"

	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
)

// sftpClient speaks packets to a server over a connection that knows the limits.
type sftpClient struct {
	t    *testing.T
	conn io.ReadWriter
}

func newSFTPClient(t *testing.T) sftpClient {
	t.Helper()
	near, far := bufpipe.Pair(1 << 20)
	s, err := sftp.NewServer(newLimited(far), sftp.WithMaxTxPacket(sftpData), sftp.WithAllocator())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Serve() // how it ends is the client's doing
		_ = far.Close()
	}()
	t.Cleanup(func() {
		_ = near.Close()
		<-over
	})
	return sftpClient{t, near}
}

func (c sftpClient) send(packet ...byte) {
	c.t.Helper()
	if _, err := c.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c sftpClient) receive() []byte {
	c.t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		c.t.Fatal(err)
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(c.conn, packet); err != nil {
		c.t.Fatal(err)
	}
	return packet
}

// request is a packet of a kind with an id and strings.
func request(kind, id byte, texts ...string) []byte {
	p := []byte{kind, 0, 0, 0, id}
	for _, s := range texts {
		p = appendString(p, s)
	}
	return p
}

// What the limits promise can be read and written, in the one piece that they allow.
func TestSFTPLimits(t *testing.T) {
	const open, write, read, status, handleIs, data = 3, 6, 5, 101, 102, 103
	c := newSFTPClient(t)
	c.send(1, 0, 0, 0, 3)
	if got := c.receive(); got[0] != sftpVersion || !bytes.HasSuffix(got, appendString(appendString(nil, limitsName), "1")) {
		t.Fatalf("the server greets with %q", got)
	}
	file := filepath.Join(t.TempDir(), "f")
	c.send(append(request(open, 1, file), 0, 0, 0, 1|2|8, 0, 0, 0, 0)...) // read, write, create
	got := c.receive()
	if got[0] != handleIs {
		t.Fatalf("open: %q", got)
	}
	handle := string(got[9:])
	content := strings.Repeat("0123456789", sftpData/10+1)[:sftpData]
	c.send(append(append(request(write, 2, handle), make([]byte, 8)...), appendString(nil, content)...)...)
	c.send(request(sftpExtended, 3, limitsName)...) // in the middle, as it may come
	var limits []byte
	for range 2 { // the order is not said
		switch got := c.receive(); got[0] {
		case status:
			if code := binary.BigEndian.Uint32(got[5:]); code != 0 {
				t.Fatalf("write: %q", got)
			}
		case sftpExtendedReply:
			limits = got[1:]
		default:
			t.Fatalf("%q", got)
		}
	}
	want := []byte{0, 0, 0, 3}
	for _, n := range []uint64{256 << 10, 261120, 261120, 0} {
		want = binary.BigEndian.AppendUint64(want, n)
	}
	if !bytes.Equal(limits, want) {
		t.Errorf("limits %x, want %x", limits, want)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != content {
		t.Errorf("%d bytes were written, %v", len(b), err)
	}
	c.send(append(append(request(read, 4, handle), make([]byte, 8)...), binary.BigEndian.AppendUint32(nil, sftpData)...)...)
	if got := c.receive(); got[0] != data || string(got[9:]) != content {
		t.Errorf("%d bytes were read", len(got)-9)
	}
	c.send(request(sftpExtended, 5, "other@example.com")...)
	if got := c.receive(); got[0] != status || got[8] != 8 { // not supported
		t.Errorf("another extension: %q", got)
	}
}

// A client that goes in the middle of a packet is one that has gone.
func TestSFTPHalfPacket(t *testing.T) {
	for _, half := range []string{"\x00", "\x00\x00\x00\x1c", "\x00\x00\x00\x1b\xc8\x00\x00\x00\x01\x00\x00\x00\x12limits"} {
		near, far := bufpipe.Pair(1 << 10)
		if _, err := io.WriteString(near, half); err != nil {
			t.Fatal(err)
		}
		if err := near.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(newLimited(far)); string(got) != half || err != nil {
			t.Errorf("%q was read as %q, %v", half, got, err)
		}
	}
}
