// Package api is the leaf of the house: the nouns of P2PRC as Go types, the one
// error struct, and the typed client of a node's HTTP API.
//
// It imports the standard library only, so that anything may import it: a
// command-line tool, a binding's generator, an embedding program. The JSON
// form of every type here is the API's contract under /v1; openapi.json beside
// the node is generated from these types.
//
// Units are written into names or comments: bytes are bytes (never KiB),
// CPU is in cores (1.5 is one and a half), durations are [Duration] and
// travel as Go duration strings ("1m30s"), times are RFC 3339 in UTC.
package api
