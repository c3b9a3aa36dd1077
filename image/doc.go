// Package image brings container images to the engines of members, without a
// registry: as blobs, which are verified, resumed, and passed on from member to
// member.
//
// # An image as a folder of blobs
//
// An image is named by the hash of its configuration, which holds the hash of
// every layer. It travels as a folder (an [api.Tree]):
//
//	config.json          the configuration, its bytes unchanged; SHA-256 is the image's id
//	layers/000/000000    the first MiB of the first layer's tar, not compressed
//	layers/000/000001    the next, and so on
//	layers/001/000000    the second layer
//
// Equal layers are equal blobs, whichever image they are of, so a second image
// costs the difference. [Pack] makes the folder of the archive that engines save;
// [Archive] makes an archive that engines load: its file names are ours, it names
// one tag, ours, and nothing else of what a member sent is in it but bytes whose
// hashes are those that the id promises.
//
// # Protocol: /p2prc/image/1
//
// Frames are those of package wire, JSON, at most [maxFrame] bytes. Who opens
// the stream sends one request:
//
//	1 WANT   {"image": ID}: as what folder does it travel, and who has it?
//	2 TAKE   {"image": ID, "tree": HASH, "bytes": N, "peers": [ID, ...]}: take it, please
//
// and reads what comes until DONE or FAIL:
//
//	3 STATE  {"state": STATE, "have": N, "bytes": N}: at once when STATE is another, and every 2 s
//	4 DONE   {"there": BOOL, "tree": HASH, "bytes": N, "peers": [ID, ...]}
//	5 FAIL   {"kind": KIND, "msg": TEXT, "hint": TEXT}
//
// WANT is answered for images that the node offers: those of its unfinished jobs
// and of its sends. TAKE is answered where the owner's policy has action image
// for the sender. Which member is asked for the blobs is the asker's business:
// peers are those that were named before it, nearest first, and so no two wait
// for each other. A node that is silent for 30 s is given up.
//
// # Uplink
//
// The n-th member that wants an image is told the n-1 before it (at most
// [maxPeers]) and asks the nearest first, which passes on what it has and makes it
// wait for what is still coming (blob.Exchange.FetchConvoy). The borrower so gives
// each piece away about once. A member that is silent for 20 s, or stands still
// for 30 s, is asked last from then on.
//
// # What is whose
//
// What a node loads for others it tags p2prc-NODE:HEX and records; it removes
// that tag when all that it keeps would be more than the owner's limit, the
// least recently needed first, never one that a lease holds. An engine deletes an
// image with its last name, so what the owner has named too, stays. The record is
// written before the load: after a crash the next start looks whether the engine
// has the image, and keeps or forgets it.
package image
