package runtimetest

// EchoModule is a WebAssembly program of about 200 bytes that writes its second
// argument to stdout and exits with 0: the smallest task there is, for floors.
//
//	(func $_start
//	  args_sizes_get(0, 4)                     ;; count at 0, bytes of text at 4
//	  args_get(16, 1024)                       ;; pointers at 16, text at 1024
//	  mem[4] = 1024 + mem[4] - 1 - mem[20]     ;; length of the last argument
//	  mem[0] = mem[20]                         ;; where it is
//	  fd_write(1, 0, 1, 8))                    ;; one buffer at 0
func EchoModule() []byte {
	code := join(
		i32(0), i32(4), call(0), drop,
		i32(16), i32(1024), call(1), drop,
		i32(4), i32(1023), i32(4), load, add, i32(20), load, sub, store,
		i32(0), i32(20), load, store,
		i32(1), i32(0), i32(1), i32(8), call(2), drop,
		[]byte{opEnd},
	)
	return module(code)
}

// SpinModule is a WebAssembly program that never ends.
func SpinModule() []byte {
	return module([]byte{0x03, 0x40, 0x0c, 0x00, opEnd, opEnd}) // loop: br 0
}

// TrapModule is a WebAssembly program that executes unreachable.
func TrapModule() []byte { return module([]byte{0x00, opEnd}) }

const opEnd = 0x0b

var (
	drop  = []byte{0x1a}
	load  = []byte{0x28, 2, 0}
	store = []byte{0x36, 2, 0}
	add   = []byte{0x6a}
	sub   = []byte{0x6b}
)

func i32(v int32) []byte { return append([]byte{0x41}, sleb(v)...) }
func call(f byte) []byte { return []byte{0x10, f} }

// module is a program with the three imports EchoModule needs, one page of
// memory and code as _start.
func module(code []byte) []byte {
	const i32t = 0x7f
	types := join([]byte{3},
		[]byte{0x60, 2, i32t, i32t, 1, i32t},             // args_sizes_get, args_get
		[]byte{0x60, 4, i32t, i32t, i32t, i32t, 1, i32t}, // fd_write
		[]byte{0x60, 0, 0})                               // _start
	imports := []byte{3}
	for _, f := range []struct {
		name string
		kind byte
	}{{"args_sizes_get", 0}, {"args_get", 0}, {"fd_write", 1}} {
		imports = join(imports, name("wasi_snapshot_preview1"), name(f.name), []byte{0, f.kind})
	}
	body := join([]byte{0}, code) // no locals
	return join([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types),
		section(2, imports),
		section(3, []byte{1, 2}),
		section(5, []byte{1, 0, 1}),
		section(7, join([]byte{2}, name("memory"), []byte{2, 0}, name("_start"), []byte{0, 3})),
		section(10, join([]byte{1}, uleb(len(body)), body)))
}

func section(id byte, b []byte) []byte { return join([]byte{id}, uleb(len(b)), b) }
func name(s string) []byte             { return join(uleb(len(s)), []byte(s)) }

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func uleb(n int) (out []byte) {
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func sleb(n int32) (out []byte) {
	for {
		b := byte(n) & 0x7f
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
