// Command gen writes the parts of the language bindings that follow from the
// OpenAPI document of a node and the list of kinds of errors: types and routes.
//
//	gen OPENAPI.JSON BINDINGS-FOLDER
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . ../../node/openapi.json ..

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen OPENAPI.JSON BINDINGS-FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(document, folder string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	files, err := generate(text)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate is every generated file by its name below the bindings' folder.
func generate(document []byte) (map[string][]byte, error) {
	d, err := read(document)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"python/p2prc/types.py":       pythonTypes(d),
		"python/p2prc/errors.py":      pythonErrors(),
		"python/p2prc/_routes.py":     pythonRoutes(d, false),
		"python/p2prc/_aroutes.py":    pythonRoutes(d, true),
		"haskell/src/P2PRC/Types.hs":  haskellTypes(d),
		"haskell/src/P2PRC/Kind.hs":   haskellKinds(),
		"haskell/src/P2PRC/Routes.hs": haskellRoutes(d),
		"c/p2prc_status.h":            cStatus(),
	}, nil
}
