//go:build integration && unix

package fourtuple

import (
	"os"
	"syscall"
)

// ownerOf is the user whose file it is.
func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
