// Package conformance runs one script in every language that has a binding, in
// both of its ways, against a live pool, and compares what they say. SCRIPT.md is
// the script.
package conformance
