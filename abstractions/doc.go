// Package abstractions puts a P2PRC node into a program of your own.
//
//	if _, err := abstractions.Init(nil); err != nil { ... }
//	routes, err := abstractions.Start()
//	routes.HandleFunc("GET /hello", hello)
//
// Init chooses the home and its settings, Start runs the node in the
// background, Stop ends it. The other functions speak to the node of the home,
// whether this program started it or "p2prc up" did. There is one such node per
// program: this is the only package that keeps one in a variable.
//
// Open is the full system: a [Node] for each home, with contexts, and with routes,
// strategies and runtimes of the program's own.
//
// All functions may be called from any goroutine. Errors are of type
// *api.Error; api.KindOf tells the kind.
package abstractions
