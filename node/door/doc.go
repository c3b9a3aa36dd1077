// Package door puts a node's API behind its doors: it knows rows of a route
// table, who may use them, and how typed handlers become HTTP.
//
// A [Row] names method, path, permission, audience, body limit and handler. A
// [Door] serves those rows whose audience includes it and nothing else. Who
// asks is made by a listener from the connection itself ([OwnerListener],
// [PeerListener]), put into the connection's context, and judged in one place,
// [Permission.Decide]; no header is ever asked. Refusals are handed to the
// door's owner with caller, route and reason.
//
// Errors are application/problem+json ([api.Problem]). An answer of unknown
// length is NDJSON: one JSON value a line; a stream that fails after it began
// ends with an [api.StreamEnd] line.
package door
