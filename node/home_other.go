//go:build !unix

package node

// privacyMatters: mode bits say nothing here; a user's profile is private as it is.
const privacyMatters = false
