package api

import "time"

// BlobEntry is a blob as the index of a content store keeps it. It passes
// between packages blob and store and is no part of the node's API.
type BlobEntry struct {
	ID     BlobID
	Size   int64     // bytes
	Inline bool      // the index keeps the bytes; otherwise they are a file
	Data   []byte    // the bytes of an inline blob; nil in listings
	Tree   bool      // it is the manifest of a folder
	Used   time.Time // last use: the order of eviction
	Keep   time.Time // not evicted before this
}
