// Package jobfile reads what a person writes about a batch, in a YAML file or in
// flags, and makes an [api.JobSpec] of it together with the local files that
// must be uploaded first.
//
// # The file
//
//	name: teapot
//	module: render.wasm             # a local wasm module; or image: NAME; or runtime: process
//	command: [render, --frame, "{frame}", scene.obj]
//	each:                           # one task per combination, the last varying fastest
//	  frame: 0001-0100              # a range, zero-padded; 1-100/5 steps by five
//	  light: [warm, cold]           # a list; or "@file", one value a line
//	env: {QUALITY: high}
//	inputs:
//	  - scene.obj                   # a file or a folder, below the job file
//	  - {path: ../assets, as: assets}
//	outputs: ["frame-*.png"]
//	needs: {cpu: 2, memory: 512MiB}
//	timeout: 10m
//	retry: 2
//
// {name} stands for a variable of each, {task} for the task's number from 0, {{
// for a brace: in command, env, stdin, outputs and the names that inputs get.
//
// Everything is strict: an unknown key, a wrong type, an unknown placeholder or
// an empty array is an [Error] with file, line, column and the line itself. The
// JSON schema of the file (docs/job.schema.json) is made from the table that
// reads it, see [Schema].
//
// # Local files
//
// Inputs are walked when the job is submitted and uploaded as they are then: a
// folder as a tar stream of its regular files. Symbolic links inside a folder
// are replaced by what they point at; a link that dangles or leaves the folder
// is an error, because what it meant cannot be sent.
package jobfile

//go:generate go run ./gen ../docs/job.schema.json
