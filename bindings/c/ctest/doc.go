// Package ctest is the C library's tests, in C. Here they are linked into one Go
// program with the library, so that the race detector sees both sides; `make
// test-bindings` builds the same files against libp2prc and runs them under valgrind.
package ctest
