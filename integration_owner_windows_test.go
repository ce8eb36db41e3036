//go:build integration

package fourtuple

import "os"

// ownerOf is -1, as os.Geteuid is: files here have no user ids.
func ownerOf(os.FileInfo) int { return -1 }
