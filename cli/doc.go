// Package cli is the command line of p2prc: one file per command, each with
// flags, options, and a function that speaks to a node through its API only.
//
// stdout is the result and nothing else; progress, notes, errors and hints go to
// stderr. On a terminal there are colours (unless NO_COLOR is set) and live
// progress, elsewhere plain lines. Every listing has --json, which prints the
// API's own types. The exit code is that of the error's [api.Kind].
//
// What needs more than the API (starting a node, joining without one, the demo,
// the agent) is handed in as functions, see [Deps].
package cli

//go:generate go run ./gen ../docs/cli.md
