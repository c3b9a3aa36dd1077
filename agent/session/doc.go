// Package session is the agent inside a long-lived container: the guest's end of
// the protocol of wire/session, and the lender's connection to it.
//
// Four modes of the hidden command `p2prc agent` make it up:
//
//	hold       the container's entrypoint. Runs the main command, if there is
//	           one, with the container's own output; notes how it ended, and
//	           stays, so that the container is a machine that is on until it is
//	           stopped. Told to end (SIGTERM), it lets the main command end first.
//	session    started once by each process of the lender's node, by one exec of
//	           the engine: serves sessions over yamux on its standard streams,
//	           one stream a session. A node on the same machine that may trace the
//	           agent takes a socket out of its process, and the sessions go by
//	           that; the standard streams stay, as what both live by.
//	supervise  the parent of one session's command: adopts its orphans, and
//	           kills all below itself when the session ends or the command does;
//	           what a shell leaves behind that ended by itself lives on.
//	sftp       a command of ours, for sessions that ask for it: serves SFTP on its
//	           standard streams, as the user that it was started as, in pieces of up
//	           to 255 KiB (limits@openssh.com).
//
// The agent is root, with what a container has of root's rights. A command runs as
// the image's user or as the one that the request names, and files are touched with
// that user's rights by a thread that has them for the purpose.
//
// When a session's stream ends, what its command started is killed, but for what a
// shell that had ended by itself left behind, as services are started: that is the
// container's. When the node is killed, the engine closes the streams of its exec, and
// with them every session ends; the next node execs again and finds the main command
// as it was.
package session
