package api

// What a program that configures an ssh client has to know of the node's SSH server.
const (
	// SSHProtocol is what a connection is upgraded to for SSH.
	SSHProtocol = "ssh"
	// SSHUser is the name of the image's own user, whoever that is.
	SSHUser = "p2prc"
	// SSHHost is what known hosts call the one server in front of all containers.
	SSHHost = "p2prc"
	// SSHFolder is the folder in a home with what belongs to the server, and
	// SSHKnownHosts the file in it with the server's public key.
	SSHFolder     = "ssh"
	SSHKnownHosts = "known_hosts"
)
