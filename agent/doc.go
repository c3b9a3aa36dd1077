// Package agent is the small program inside a sandbox that executes tasks for
// the node, and the protocol the two speak.
//
// The node starts one agent per sandbox, once; then each task costs one message
// each way. The two ends are [Client] (the node's) and [Serve] (the guest's),
// over any ordered byte stream: a unix socket pair where there is one, else the
// agent's standard input and output.
//
// # Frames
//
// Frames are those of package wire. Payloads are JSON but where "raw" stands.
//
//	kind          direction  payload
//	 1 hello      both       {version, inline, near}  first frame of each side, once
//	 2 put        to agent   {id, size}          data frames follow: keep a file under id
//	 3 data       both       raw                 bytes of a file; an empty one ends the file
//	 4 drop       to agent   {ids}               forget kept files
//	 5 exec       to agent   {seq, args, env, cwd, files, outputs, stdin, limits}
//	 6 stdin      to agent   raw                 bytes for the command; an empty one is its end
//	 7 kill       to agent   {seq}               end that command with all it started
//	 8 stdout     to node    raw
//	 9 stderr     to node    raw
//	10 credit     to node    {n}                 n bytes of stdin were consumed
//	11 file       to node    {path, mode, size}  an output; its data frames follow
//	12 exit       to node    {seq, code, signal, limit, msg, cpu, max_memory}
//	13 fail       to node    {seq, kind, msg}    instead of exit: the machine failed, not the command
//	14 files      to agent   {files}             of the exec that follows, with more than fit into it
//	15 near       to agent   none                all that follows, both ways, goes by the socket that the agent offers
//
// # Order
//
// The node says hello first, the agent answers with its own; a version the node
// does not know is KindUnsupported. After that the agent speaks only while a command is under way, so the node
// needs no reader between commands. A command is: exec (with put before it for
// every input the agent does not hold yet, and files for those that it has no
// room to name), then from the agent any number of
// stdout, stderr and credit frames, then the outputs as file and data frames in
// increasing order of path, then exit or fail. Commands never overlap. The agent
// cleans up after it sent exit, before it reads the next exec: the task's
// directory is gone and nothing of the task lives when the next one starts.
//
// An input is staged once per sandbox: the node names a file's content by a
// number, sends it with put, and later commands refer to the number. What a
// command does not use the node drops before it, so that a sandbox holds the
// inputs of one command. A put that the agent could not keep is
// reported by the first exec that refers to it.
//
// Stdin has a window of 256 KiB: the node sends no more than that ahead of
// credit. Stdout and stderr need none: the node reads no faster than its caller
// writes, the stream fills, and the command blocks in its write.
//
// An agent that says inline executes tasks on the goroutine that reads frames
// (WebAssembly: calls into compiled code cannot be interrupted at a fair price).
// It never sees kill while a command runs; the node ends the agent instead.
//
// An agent that says near offers a shorter way to a node on the same machine (package
// near): in a container, where the stream goes through the engine. A node that has
// taken it says so, once, before its first command, and the stream carries nothing more. It
// stays what both live by: whoever sees it end closes the short way, too.
//
// At the end of the stream, or of the short way, the agent kills what it runs and exits.
//
// # Trust
//
// The guest is hostile. The node treats every byte from an agent as a
// stranger's: frames are bounded at 64 KiB, unknown kinds end the sandbox, paths
// must be clean, relative and ascending, counts are bounded, texts are cut and
// stripped of control characters. The other direction is trusted: the agent
// belongs to the node.
package agent
