//go:build !unix

package agent

// openNoFollow is nothing here: os.Root alone keeps links inside.
const openNoFollow = 0
