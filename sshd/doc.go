// Package sshd is the SSH server of a borrower's own node: what a stock ssh, scp,
// sftp, rsync or Ansible asks for becomes sessions in one of the node's containers
// (package wire/session). The container needs no sshd, and no key leaves the node.
//
// One connection is about one container, which whoever accepted the connection
// names: the server proves itself with the home's host key and asks for no
// authentication, because the way to it is the owner's own door.
//
// The user's name is a user of the container; [api.SSHUser] is the image's own. What
// is served:
//
//	session        shell, exec, subsystem sftp; pty-req, window-change, env, signal
//	direct-tcpip   a connection from inside the container's network (-L, -W, -D)
//
// The end of the connection, or of a channel, ends the sessions that it opened, and
// with them whatever they started in the container. What a shell or a command leaves
// behind when it ends by itself lives on, as with any SSH server.
package sshd
