// Package abstractions puts a P2PRC node into a program of your own.
//
//	if _, err := abstractions.Init(nil); err != nil { ... }
//	routes, err := abstractions.Start()
//	routes.HandleFunc("GET /hello", hello)
//
// Init chooses the home and its settings, Start runs the node in the
// background, Stop ends it. The other functions speak to the node of the home,
// whether this program started it or "p2prc up" did. There is one node per
// program here: this is the only package that keeps one in a variable. A program
// that wants several uses package node.
//
// All functions may be called from any goroutine. Errors are of type
// *api.Error; api.KindOf tells the kind.
package abstractions
