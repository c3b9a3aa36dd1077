package blob

import (
	"errors"
	"io/fs"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// diskError gives an error of the file system its Kind: KindQuota when there is
// no room, KindInternal otherwise.
func diskError(doing string, err error) error {
	if isFull(err) {
		var at *fs.PathError
		if errors.As(err, &at) { // a temporary name helps nobody, and borrowers are told this
			err = at.Err
		}
		return api.Errorf(api.KindQuota, "%s: the disk is full: %w", doing, err).WithHint("free some space on the disk that holds the home")
	}
	return api.Errorf(api.KindInternal, "%s: %w", doing, err)
}
