// Package nettest is what tests share that need a network: what they need of
// the machine, and namespaces joined by veth pairs.
//
// A test that lacks a privilege or a tool is skipped; where the environment
// variable CI is set, which promises both, it fails.
package nettest

import (
	"os"
	"os/exec"
	"testing"
)

// Root skips a test that needs root, as making namespaces does, where it is not
// root. Root of a user namespace will do.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "this test needs root")
	}
}

// Tool skips a test that needs a program where the program is not installed.
func Tool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		skip(t, "this test needs the program "+name)
	}
}

func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why + ", which CI promises")
	}
	t.Skip(why)
}
