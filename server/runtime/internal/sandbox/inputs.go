package sandbox

import (
	"fmt"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/diskuse"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// inputsOnDisk is what the inputs of a command take: each content is kept once,
// and each file is a copy in the task's directory.
func inputsOnDisk(files []runtime.File) (kept, copies int64) {
	if len(files) == 0 {
		return 0, 0
	}
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		copies += diskuse.PerEntry + f.Size
		if !seen[f.Source] {
			seen[f.Source] = true
			kept += diskuse.PerEntry + f.Size
		}
	}
	return kept, copies
}

// roomFor takes what the inputs of cmd keep from the disk it may use. The exit is
// that of a command whose inputs do not fit.
func roomFor(cmd runtime.Command) (runtime.Command, *api.Exit) {
	most := cmd.Limits.Disk
	if most <= 0 {
		return cmd, nil
	}
	kept, copies := inputsOnDisk(cmd.Files)
	if kept+copies > most {
		return cmd, &api.Exit{Code: 137, Limit: api.LimitDisk,
			Msg: fmt.Sprintf("its inputs take %s, kept and copied, of the %s of disk it may use", size.Bytes(kept+copies), size.Bytes(most))}
	}
	cmd.Limits.Disk -= kept // at least copies is left, which is more than 0 where kept is
	return cmd, nil
}
