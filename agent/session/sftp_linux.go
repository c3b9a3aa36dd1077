package session

import (
	"errors"
	"io"
	"os"

	"github.com/pkg/sftp"
)

// serveSFTP is the mode sftp. It runs as the user whose files it serves, so the
// kernel refuses what it would refuse that user.
func serveSFTP() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	s, err := sftp.NewServer(newLimited(Conn{ReadCloser: os.Stdin, WriteCloser: os.Stdout}),
		sftp.WithServerWorkingDirectory(dir), sftp.WithMaxTxPacket(sftpData), sftp.WithAllocator())
	if err != nil {
		return err
	}
	if err := s.Serve(); !errors.Is(err, io.EOF) { // EOF: the client has hung up
		return err
	}
	return nil
}
