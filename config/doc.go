// Package config is a node's settings: config.json in its home, defaults for
// what is not in it, and environment variables above it.
//
// The file is strict: an unknown key, a wrong type or a value that makes no
// sense is an error that names the line and, where it can, what was meant. It is
// written only as a whole (temporary file, fsync, rename; mode 0600), so what is
// on disk is always the old settings or the new ones. What the environment says
// holds for the process that reads it and is never written to the file.
//
// Every error is an [api.Error] of KindInvalid unless said otherwise.
package config
