//go:build cgo

package ctest

// /* The library's functions come with the program that both are linked into. */
// #cgo linux LDFLAGS: -Wl,--unresolved-symbols=ignore-all
// #include <stdlib.h>
// #include "ctest.h"
import "C"

import "unsafe"

// Conformance runs the script in C, by the way "socket" or "process", and tells
// whether it came to its end.
func Conformance(way string) bool {
	text := C.CString(way)
	defer C.free(unsafe.Pointer(text))
	return C.conformance(text) == 0
}

// Misuse does in C all that can be done wrong, with a node in the home, and
// counts what went otherwise than it should.
func Misuse(home string) int {
	text := C.CString(home)
	defer C.free(unsafe.Pointer(text))
	return int(C.misuse(text))
}
