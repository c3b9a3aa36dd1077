// Package session is the protocol of one session in a long-lived container: a
// command with its terminal, files in or out, or a connection to something that
// listens inside. The borrower's end is here; the guest's is agent/session.
//
// A session is one ordered two-way byte stream from the borrower's program to
// the agent in the container. What lies between carries it as it is: the
// borrower's node (HTTP/1.1 Upgrade to [Upgrade]), the lender's node (a stream of
// wire/container that became a session), and one yamux stream of the lender's
// connection to the agent.
//
// # Frames
//
// Frames are those of package wire. Payloads are JSON but where "raw" stands.
//
//	kind        direction  payload
//	 1 request  to guest   [Request], once, first
//	 2 input    to guest   raw   stdin, a tar stream, or bytes for a connection; an empty one is the end
//	 3 resize   to guest   [Size]
//	 4 signal   to guest   {name}
//	 5 output   to client  raw   stdout, a tar stream, or bytes from a connection; an empty one is the end
//	 6 stderr   to client  raw
//	 7 credit   to client  {n}   n bytes of input were consumed
//	 8 exit     to client  [api.Exit]     the last frame of a session that did what it was asked
//	 9 fail     to client  {kind, msg}    the last frame of one that could not
//	10 main     to client  [Main]
//
// Input has a window of [Window] bytes: the client sends no more than that ahead
// of credit, so that resize and signal are always read; the guest may keep less
// than a quarter of it back. Output needs none: the client reads no faster than it
// can write, the stream fills, and the command blocks in its write.
//
// # Requests
//
//	exec  run a command; input is its stdin, and with a terminal the end of the
//	      input is typed as ^D; exit says how it ended, after all it printed
//	shell as exec, by the user's own shell in the user's home folder; what it
//	      leaves behind when it ends by itself lives on, as services do
//	sftp  as exec, of an SFTP server (version 3) that has the user's rights
//	put   input is a tar stream of files and folders, made below Path
//	get   output is a tar stream of the file or folder at Path
//	dial  connect to Address over TCP in the container's own network
//	main  the state of the container's main command
//
// At the end of the stream, whichever side ends it, everything that the session
// started is killed, orphans in sessions of their own included; but for what a shell
// left behind before.
//
// # Trust
//
// The guest is hostile: frames from it are bounded at 64 KiB, unknown kinds end
// the session, texts are cut and stripped of control characters, and a tar stream
// is unpacked by [Unpack], which makes regular files and folders below one folder
// and nothing else. The guest's end bounds what it reads as well.
package session
