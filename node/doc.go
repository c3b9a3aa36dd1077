// Package node is one running node: it opens a home, makes identity, network,
// content store, lending and borrowing of it, wires them, and serves the API
// at its doors.
//
// [New] opens everything and holds the home's lock; [Node.Run] starts the parts
// in order and stops them in reverse, doors first, so that nothing is used
// after it has stopped. Other packages declare the small interfaces they need;
// the adapters here fit them to each other and are the only place where the
// parts meet. Several nodes may run in one process.
package node
