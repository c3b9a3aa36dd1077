package session

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

var note = filepath.Join(NoteDir, "main.json")

// hold is the mode hold: it runs the main command as the image's user and stays.
// It returns the exit code: the main command's when it was told to end.
func hold(c Config, args []string) int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, unix.SIGTERM, unix.SIGINT)
	code, ended := 0, make(chan int, 1)
	m := session.Main{Args: args}
	if len(args) > 0 {
		write(m)
		cmd, err := begin(c, args)
		if err != nil {
			m.Ended, m.Exit = true, notStarted(args[0], err)
			say("the main command cannot run: " + m.Exit.Msg)
		} else {
			go func() { ended <- exitCode(cmd.Wait(), cmd) }()
			select {
			case code = <-ended:
				m.Ended, m.Exit = true, api.Exit{Code: code}
				if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() {
					m.Exit.Signal = st.Signal().String()
				}
				say("the main command ended with exit code " + strconv.Itoa(code))
			case <-told:
				_ = unix.Kill(-cmd.Process.Pid, unix.SIGTERM) // one that is gone needs none
				return <-ended
			}
		}
	}
	write(m)
	<-told
	return code
}

// begin starts the main command.
func begin(c Config, args []string) (*exec.Cmd, error) {
	who, err := lookUp(c.User)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ(c, who), nil, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: who.credential()}
	who.give(os.Stdout, os.Stderr)
	return cmd, cmd.Start()
}

// say puts a line into the container's log.
func say(text string) { _, _ = os.Stderr.WriteString("p2prc: " + text + "\n") }

func exitCode(err error, cmd *exec.Cmd) int {
	st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if err != nil && ok && st.Signaled() {
		return 128 + int(st.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

func notStarted(name string, err error) api.Exit {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return api.Exit{Code: 127, Msg: "no such program: " + session.Clean(name)}
	}
	return api.Exit{Code: 126, Msg: "cannot execute " + session.Clean(name) + ": " + session.Clean(err.Error())}
}

// write notes the state of the main command; a container without the folder has
// no note, and nothing else is lost.
func write(m session.Main) {
	b, err := json.Marshal(m)
	if err != nil {
		return
	}
	part := note + ".part"
	if os.WriteFile(part, b, 0o644) == nil {
		_ = os.Rename(part, note)
	}
}

// readMain reads the note, which the main command may have written itself.
func readMain() (m session.Main, err error) {
	f, err := os.OpenFile(note, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, session.MaxAnswer))
	if err != nil {
		return m, err
	}
	if json.Unmarshal(b, &m) != nil {
		return session.Main{}, nil
	}
	return m, nil
}
