package agent

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/glob"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// incoming is what the agent sends for one command. All of it is a stranger's.
type incoming struct {
	c       *Client
	seq     uint64
	cmd     Command
	s       Streams
	matched []bool // by index of cmd.Outputs
	files   int
	last    string // path of the last file
	failed  error  // the first error of a stream of s
}

// receive reads until exit (nil) or fail.
func (in *incoming) receive(rep *Report) error {
	for {
		kind, payload, err := in.c.r.Next()
		if err != nil {
			return lost(err)
		}
		switch kind {
		case kindStdout:
			in.write(in.s.Stdout, payload)
		case kindStderr:
			in.write(in.s.Stderr, payload)
		case kindCredit:
			var m credit
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			if err := in.c.credit(m.N); err != nil {
				return err
			}
		case kindFile:
			var m fileMsg
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			if err := in.file(m); err != nil {
				return err
			}
		case kindExit:
			var m exitMsg
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			return in.exit(m, rep)
		case kindFail:
			var m failMsg
			if err := wire.Decode(payload, &m); err != nil {
				return err
			}
			if m.Seq != in.seq {
				return corrupt("answer to command %d, want %d", m.Seq, in.seq)
			}
			return &api.Error{Kind: failKind(m.Kind), Msg: "the sandbox could not run the command: " + cut(m.Msg)}
		default:
			return wire.UnknownKind(kind)
		}
	}
}

// failKind keeps a guest from choosing kinds that mean something to the caller.
func failKind(k api.Kind) api.Kind {
	if k == api.KindInvalid {
		return k
	}
	return api.KindInternal
}

func (in *incoming) write(w io.Writer, p []byte) {
	if w == nil || in.failed != nil {
		return
	}
	if _, err := w.Write(p); err != nil {
		in.failed = err
	}
}

func (in *incoming) exit(m exitMsg, rep *Report) error {
	if m.Seq != in.seq {
		return corrupt("answer to command %d, want %d", m.Seq, in.seq)
	}
	rep.Exit = api.Exit{Code: exitCode(m.Code), Signal: signalName(m.Signal), Msg: cut(m.Msg)}
	if m.Limit == api.LimitMemory || m.Limit == api.LimitDisk || m.Limit == api.LimitProcesses || m.Limit == api.LimitCPU && in.cmd.Limits.CPU > 0 {
		rep.Exit.Limit = m.Limit // the others are the node's to find
	}
	rep.CPU, rep.MaxMemory = max(0, time.Duration(m.CPU)), max(0, m.MaxMemory)
	return nil
}

// exitCode fits what a guest says into a shell's range; a failure stays one.
func exitCode(code int) int {
	switch {
	case code >= 0 && code <= 255:
		return code
	case code&0xff != 0:
		return code & 0xff
	}
	return 255
}

func signalName(s string) string {
	s = cut(s)
	return s[:min(len(s), 40)]
}

// file hands one output to the caller and swallows what the caller leaves.
func (in *incoming) file(m fileMsg) error {
	p, err := cleanPath(m.Path)
	if err != nil {
		return corrupt("output path %q is not clean and relative", cut(m.Path))
	}
	if in.files++; in.files > MaxOutputs || p <= in.last || m.Size < 0 {
		return corrupt("output %q is out of order", cut(p))
	}
	in.last = p
	wanted := false
	for i, pat := range in.cmd.Outputs {
		if glob.Match(pat, p) {
			in.matched[i], wanted = true, true
		}
	}
	if !wanted {
		return corrupt("output %q was not asked for", cut(p))
	}
	r := &fileReader{c: in.c, left: m.Size}
	if in.s.Output != nil && in.failed == nil {
		if err := in.s.Output(p, m.Mode&0o777, m.Size, r); err != nil && r.err == nil {
			in.failed = err
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return nil
}

// fileReader reads the data frames of one file, which must be as long as was said.
type fileReader struct {
	c    *Client
	rest []byte
	left int64
	done bool
	err  error // the stream broke
}

func (r *fileReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil && !r.done {
		r.next()
	}
	switch {
	case len(r.rest) > 0:
		n := copy(p, r.rest)
		r.rest = r.rest[n:]
		return n, nil
	case r.err != nil:
		return 0, r.err
	}
	return 0, io.EOF
}

func (r *fileReader) next() {
	kind, payload, err := r.c.r.Next()
	switch {
	case err != nil:
		r.err = lost(err)
	case kind == kindFail:
		var m failMsg
		r.err = wire.Decode(payload, &m)
		if r.err == nil {
			r.err = corrupt("an output broke off: %s", cut(m.Msg))
		}
	case kind != kindData:
		r.err = wire.UnknownKind(kind)
	case int64(len(payload)) > r.left || len(payload) == 0 && r.left > 0:
		r.err = corrupt("an output is not as long as was said")
	case len(payload) == 0:
		r.done = true
	default:
		r.rest, r.left = payload, r.left-int64(len(payload))
	}
}

func corrupt(format string, args ...any) error {
	return &api.Error{Kind: api.KindCorrupt, Msg: "the sandbox's agent broke the protocol: " + strings.TrimSpace(fmt.Sprintf(format, args...))}
}
