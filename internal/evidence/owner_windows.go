package evidence

import "os"

// GiveTo does nothing here: files belong to who writes them.
func GiveTo(string, *os.File) error { return nil }
