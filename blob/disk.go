package blob

import (
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// diskError gives an error of the file system its Kind: KindQuota when there is
// no room, KindInternal otherwise.
func diskError(doing string, err error) error {
	if isFull(err) {
		return api.Errorf(api.KindQuota, "%s: the disk is full: %w", doing, err).WithHint("free some space on the disk that holds the home")
	}
	return api.Errorf(api.KindInternal, "%s: %w", doing, err)
}
