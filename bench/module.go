package main

// tinyModule is a WebAssembly module of 230 bytes that writes its last
// argument to stdout and ends: the smallest task that does something one can
// check. In text form:
//
//	(call $args_sizes_get (i32.const 0) (i32.const 4))        ;; argc at 0, size of the strings at 4
//	(call $args_get (i32.const 8) (i32.const 64))             ;; argv at 8, strings at 64
//	(i32.store (i32.const 32) (i32.load (i32.const 12)))      ;; iovec.base = argv[1]
//	(i32.store (i32.const 36)                                 ;; iovec.len = its length, without the NUL
//	  (i32.sub (i32.add (i32.const 63) (i32.load (i32.const 4))) (i32.load (i32.const 12))))
//	(call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))
func tinyModule() []byte {
	const (
		i32, call, drop, end        = 0x7f, 0x10, 0x1a, 0x0b
		constant, load, store       = 0x41, 0x28, 0x36
		add, sub                    = 0x6a, 0x6b
		argsSizesGet, argsGet       = 0, 1
		fdWrite, start              = 2, 3
		typePair, typeQuad, typeNil = 0, 1, 2
	)
	wasi := func(name string, typ byte) []byte {
		return join(str("wasi_snapshot_preview1"), str(name), []byte{0x00, typ})
	}
	body := join(
		[]byte{0}, // no locals
		[]byte{constant, 0, constant, 4, call, argsSizesGet, drop},
		[]byte{constant, 8, constant, 0xc0, 0x00, call, argsGet, drop},
		[]byte{constant, 32, constant, 12, load, 2, 0, store, 2, 0},
		[]byte{constant, 36, constant, 63, constant, 4, load, 2, 0, add, constant, 12, load, 2, 0, sub, store, 2, 0},
		[]byte{constant, 1, constant, 32, constant, 1, constant, 40, call, fdWrite, drop},
		[]byte{end},
	)
	return join(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, []byte{3, 0x60, 2, i32, i32, 1, i32, 0x60, 4, i32, i32, i32, i32, 1, i32, 0x60, 0, 0}),
		section(2, join([]byte{3}, wasi("args_sizes_get", typePair), wasi("args_get", typePair), wasi("fd_write", typeQuad))),
		section(3, []byte{1, typeNil}),
		section(5, []byte{1, 0, 1}),
		section(7, join([]byte{2}, str("memory"), []byte{2, 0}, str("_start"), []byte{0, start})),
		section(10, join([]byte{1, byte(len(body))}, body)),
	)
}

func section(id byte, content []byte) []byte { return join([]byte{id, byte(len(content))}, content) }

func str(s string) []byte { return join([]byte{byte(len(s))}, []byte(s)) }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
