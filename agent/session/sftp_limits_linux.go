package session

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"sync"
)

// What limits@openssh.com tells: the numbers of OpenSSH's own server, which are the
// bounds of package sftp.
const (
	sftpPacket = 256 << 10
	sftpData   = sftpPacket - 1024
)

// The packets of the protocol that are looked at.
const (
	sftpVersion       = 2
	sftpExtended      = 200
	sftpExtendedReply = 201
	limitsName        = "limits@openssh.com"
)

// limited is a client's connection as package sftp has it, which does not know
// limits@openssh.com: without that OpenSSH's clients read and write by 32 KiB, and
// each such piece costs every process on the way its switch.
type limited struct {
	rwc  io.ReadWriteCloser
	r    *bufio.Reader
	left uint64 // to be read of the packet under way

	mu      sync.Mutex // guards the rest: packets go out whole
	packet  []byte
	greeted bool
}

func newLimited(rwc io.ReadWriteCloser) *limited {
	return &limited{rwc: rwc, r: bufio.NewReaderSize(rwc, pipeSize/4)}
}

// Read reads what package sftp is to answer.
func (l *limited) Read(p []byte) (int, error) {
	for l.left == 0 {
		head, err := l.r.Peek(4)
		if err != nil && len(head) > 0 {
			break // package sftp says what it is the half of
		}
		if err != nil {
			return 0, err
		}
		l.left = 4 + uint64(binary.BigEndian.Uint32(head))
		if err := l.answer(); err != nil {
			return 0, err
		}
	}
	n, err := l.r.Read(p[:min(uint64(len(p)), max(l.left, 1))])
	l.left -= min(l.left, uint64(n))
	return n, err
}

// answer answers the next packet, if it asks for the limits.
func (l *limited) answer() error {
	const id = 4 + 1 // where it is
	ask := binary.BigEndian.AppendUint32(nil, uint32(len(limitsName)))
	ask = append(ask, limitsName...)
	if l.left != uint64(id+4+len(ask)) {
		return nil
	}
	got, err := l.r.Peek(int(l.left))
	if err != nil || got[4] != sftpExtended || !bytes.Equal(got[id+4:], ask) {
		return nil // package sftp reads the same
	}
	reply := append([]byte{0, 0, 0, 0, sftpExtendedReply}, got[id:id+4]...)
	for _, n := range []uint64{sftpPacket, sftpData, sftpData, 0} { // of the packet, of reads, of writes; handles have none
		reply = binary.BigEndian.AppendUint64(reply, n)
	}
	_, _ = l.r.Discard(len(got)) // it is there
	l.left = 0
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sendLocked(reply)
}

// Write sends what package sftp writes when it is a whole packet.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.packet = append(l.packet, p...)
	if len(l.packet) < 5 || uint64(len(l.packet)) < 4+uint64(binary.BigEndian.Uint32(l.packet)) {
		return len(p), nil
	}
	packet := l.packet
	l.packet = l.packet[:0]
	if !l.greeted && packet[4] == sftpVersion {
		packet = appendString(appendString(packet, limitsName), "1")
	}
	l.greeted = true
	return len(p), l.sendLocked(packet)
}

// sendLocked sends a packet with its length in front.
func (l *limited) sendLocked(packet []byte) error {
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	_, err := l.rwc.Write(packet)
	return err
}

// Close implements io.Closer.
func (l *limited) Close() error { return l.rwc.Close() }

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
