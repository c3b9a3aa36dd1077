//go:build unix

package node

// privacyMatters: mode bits say who may enter a folder.
const privacyMatters = true
