package main

import (
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// cStatus numbers the kinds in their order, which only grows.
func cStatus() []byte {
	var b strings.Builder
	b.WriteString("/* Generated from the list of kinds by bindings/gen; do not edit. */\n#ifndef P2PRC_STATUS_H\n#define P2PRC_STATUS_H\n\n#define P2PRC_OK 0\n")
	for i, k := range api.Kinds() {
		fmt.Fprintf(&b, "#define P2PRC_%s %d\n", strings.ToUpper(string(k)), i+1)
	}
	b.WriteString("\n#endif\n")
	return []byte(b.String())
}
