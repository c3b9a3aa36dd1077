// Package blob is the content store: bytes named by their BLAKE3 hash, kept
// within a quota, and exchanged between members.
//
// # Store
//
// A blob of at most [InlineMax] bytes lives in the [Index], where thousands of
// small outputs share an fsync; a larger one is the file xx/HASH below the
// store's folder, xx being the hash's first two digits. A small blob also gets
// such a file when its [Store.Path] is asked for; that copy is dropped when the
// store is opened again.
//
// A file is written in tmp/, flushed to the disk, renamed into its place, its
// folder flushed, and only then recorded in the index, so an indexed blob is
// whole at any moment at which the power may go. Removal goes the other way.
// Open removes what a crash left in tmp/, files that the index does not know,
// and records whose file is gone or has another size.
//
// The quota counts the bytes of blobs. When it is used up, blobs that nobody
// has pinned make room, the least recently used first; what was put here within
// the last hour (an output of another's task: fifteen minutes), or fetched within
// the last five minutes, is spared. Who needs a
// blob for longer pins it, also before it arrives. A pin on a folder's manifest
// holds the folder's files too.
//
// # Exchange: /p2prc/blob/1
//
// A borrower of bytes opens a stream and sends requests; the other side answers
// each, in the order in which they came. Many requests may be under way. Frames
// are those of package wire, at most [maxFrame] bytes:
//
//	1 GET   to the holder, JSON {"id": HASH, "tail": true}
//	                         or {"id": HASH, "off": N, "len": N}, both with "of": HASH
//	2 DATA  to the asker: a slice
//	3 FAIL  to the asker, JSON {"kind": KIND, "msg": TEXT}: not_found, or why not
//	4 WAIT  to the asker, empty: the answer takes longer, every 5 s at least
//
// "of" is the manifest of the folder that a file is asked for as a part of. A
// holder that is about to fetch that folder too lets wait until it knows which
// files come, and for those that do: see [Exchange.FetchConvoy].
//
// A slice is that of the Bao format with chunk groups of 64 KiB: the blob's
// size (8 bytes, little-endian), then the hash tree's nodes and the groups that
// the range touches, in pre-order. With the id it proves the range's bytes.
//
// "tail" asks for the blob's last group. That is the whole of a blob of at most
// 64 KiB, which so takes one request; of a larger one it proves the size, which
// no other range does, before any room is made for it. The rest is asked for by
// ranges of at most 1 MiB that begin at a multiple of 64 KiB.
//
// The asker trusts nothing: a slice that does not verify, is for another range,
// or claims another size than the proven one, an answer nobody asked for, and an
// unknown kind end the stream, and the holder is not asked again for that blob.
// A holder that is silent for 20 s, needs more than two minutes for one
// answer's bytes, or lets wait for more than ten minutes, is left for the next
// one. What was verified stays; another holder, or a later fetch within ten
// minutes, goes on from there. The asker closes a stream that it has not used
// for 30 s.
//
// The holder answers at most 4 streams of one member at a time and resets
// others, resets one on which a request is malformed, one from which nothing
// came for two minutes, and one that does not take an answer for a minute.
package blob
