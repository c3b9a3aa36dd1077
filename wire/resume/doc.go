// Package resume makes a stream that outlives the streams it runs over: when one
// breaks, because a relay went or a router changed its address, the two ends go on
// over another, and whoever reads and writes notices a pause.
//
// How the ends find each other again is their protocol's (package wire/tunnel).
// What this package asks of it is that each end tells the other, on every stream
// but the first, how many bytes it has got. From there on a stream carries frames
// of package wire, both ways:
//
//	1 data   raw, at most 64 KiB: what follows on what went before
//	2 ack    [ack]: how much was read here, and how much more may come
//	3 end    {}: no data comes after; counts as one byte
//	4 reset  {}: the connection is given up, both ways
//
// Bytes are kept until they are acknowledged, and sent again on the next stream if
// the other end has not got them. How many those may be is the reader's to say: 256
// KiB, and, while it waits for more than comes, up to 4 MiB. One that reads slowly so
// slows the other end down, and neither end holds more than that of either way. What
// all connections of a process hold beyond 256 KiB each way is 256 MiB at most: a
// connection that finds none left goes on with what it has, whatever the other end
// says that it takes. So an end says every 64 KiB at least how far it has read.
//
// A stream that ends or breaks without a word is a broken path. The end that opened
// it then opens another, for up to [Grace]; the other end waits as long.
package resume
