//go:build !unix

package evidence

import "os"

// lock does nothing here: there is no flock(2).
func lock(*os.File) error { return nil }

// inherit does nothing here: files belong to who writes them.
func inherit(*os.File, string) error { return nil }
