// Package lib is what the C library is made of: nodes behind numbers, and the
// functions that p2prc.h describes. C has no types to hold on to, so nothing that
// C hands back is trusted: numbers and strings are looked up, and what is not
// there is an error.
package lib
