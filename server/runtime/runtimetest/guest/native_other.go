//go:build !linux && !wasip1

package main

func native(what string, _ []string) { fail("only on Linux: " + what) }
