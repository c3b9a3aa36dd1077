//go:build wasip1

package main

func native(what string, _ []string) { fail("not for WASI: " + what) }
