// Package store is state.db: one SQLite file in the home that holds everything
// a node must still know after it was killed.
//
// Each noun has a file of its own whose type satisfies the storage interface
// that the noun's user declares ([DB.Blobs] for package blob, and so on). This
// package imports none of its users: methods take api types and plain values.
//
// # Writing
//
// All writes go through update. One goroutine collects the closures that are
// waiting, runs each inside its own savepoint of one transaction, commits once,
// and answers them all: concurrent writers share the price of an fsync. The
// journal is a WAL with synchronous=FULL, so what update has answered survives
// kill -9 and a power cut.
//
// # Schema
//
// schema/NNNN_name.sql are embedded and applied in numeric order, each in a
// transaction with the record that it was applied. They are forward only and
// never edited once released. A database that has seen a file this program does
// not know is refused (KindUnsupported).
package store
