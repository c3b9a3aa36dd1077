//go:build cgo && !windows

package lib

// #include <stdint.h>
// #include <stdlib.h>
// #include "last.h"
import "C"

import (
	"encoding/json"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"unsafe"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

//export p2prc_new
func p2prc_new(node *C.int64_t) C.int32_t {
	if node == nil {
		return failed(null("node"))
	}
	*node = C.int64_t(newNode())
	return 0
}

//export p2prc_configure
func p2prc_configure(node C.int64_t, text *C.char) C.int32_t {
	if text == nil {
		return failed(null("json"))
	}
	return failed(configure(int64(node), []byte(C.GoString(text))))
}

//export p2prc_start
func p2prc_start(node C.int64_t) C.int32_t { return failed(start(int64(node))) }

//export p2prc_call
func p2prc_call(node C.int64_t, method, path *C.char, body unsafe.Pointer, size C.size_t, out **C.char, outSize *C.size_t) C.int32_t {
	if out != nil {
		*out = nil
	}
	if outSize != nil {
		*outSize = 0
	}
	req, err := requestOf(method, path, body, size)
	if err != nil {
		return failed(err)
	}
	answer, err := call(int64(node), req.method, req.path, req.body)
	if err != nil {
		return failed(err)
	}
	if out != nil {
		*out = give(answer)
	}
	if outSize != nil {
		*outSize = C.size_t(len(answer))
	}
	return 0
}

//export p2prc_stream
func p2prc_stream(node C.int64_t, method, path *C.char, body unsafe.Pointer, size C.size_t, fd *C.int) C.int32_t {
	if fd == nil {
		return failed(null("fd"))
	}
	*fd = -1
	req, err := requestOf(method, path, body, size)
	if err != nil {
		return failed(err)
	}
	own, err := stream(int64(node), req.method, req.path, req.body)
	if err != nil {
		return failed(err)
	}
	*fd = C.int(own)
	return 0
}

//export p2prc_close
func p2prc_close(node C.int64_t) C.int32_t { return failed(closeNode(int64(node))) }

//export p2prc_error
func p2prc_error() *C.char {
	if text := C.GoString(C.p2prc_last_get()); text != "" {
		return give([]byte(text))
	}
	return nil
}

//export p2prc_version
func p2prc_version() *C.char { return give([]byte(version())) }

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

//export p2prc_free
func p2prc_free(text *C.char) C.int32_t {
	if text == nil {
		return 0
	}
	given.Lock()
	_, ok := given.live[text]
	delete(given.live, text)
	given.Unlock()
	if !ok {
		return failed(api.Errorf(api.KindInvalid, "this is no string of this library, or was freed already"))
	}
	C.free(unsafe.Pointer(text))
	return 0
}

// given are the strings that C has and has not freed.
var given = struct {
	sync.Mutex
	live map[*C.char]struct{}
}{live: map[*C.char]struct{}{}}

// give makes a string of C's, with a zero at its end whatever is in it.
func give(b []byte) *C.char {
	text := (*C.char)(C.CBytes(append(b, 0)))
	given.Lock()
	defer given.Unlock()
	given.live[text] = struct{}{}
	return text
}

type request struct {
	method, path string
	body         []byte
}

func requestOf(method, path *C.char, body unsafe.Pointer, size C.size_t) (request, error) {
	switch {
	case method == nil:
		return request{}, null("method")
	case path == nil:
		return request{}, null("path")
	case body == nil && size > 0:
		return request{}, null("body")
	case size > math.MaxInt32:
		return request{}, api.Errorf(api.KindTooLarge, "a body has at most %d bytes", math.MaxInt32)
	}
	r := request{method: C.GoString(method), path: C.GoString(path)}
	if body != nil {
		r.body = C.GoBytes(body, C.int(size))
	}
	return r, nil
}

func null(what string) error { return api.Errorf(api.KindInvalid, "%s is NULL", what) }

// failed is the status of an error, and keeps its words for this thread.
func failed(err error) C.int32_t {
	if err == nil {
		return 0
	}
	p := api.ProblemOf(err, true)
	b, jsonErr := json.Marshal(p)
	if jsonErr != nil {
		panic(jsonErr) // strings and an int
	}
	text := C.CString(string(b))
	C.p2prc_last_set(text)
	C.free(unsafe.Pointer(text))
	return C.int32_t(slices.Index(api.Kinds(), p.Kind) + 1)
}
