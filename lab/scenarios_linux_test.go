package main

import (
	"os"
	"testing"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

func TestScenariosInNamespaces(t *testing.T) {
	if !netns.Privileged() {
		if os.Getenv("CI") != "" {
			t.Fatal("this needs root")
		}
		t.Skip("this needs root")
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.run(t, fourtuple.Netns, s.lab(t)) })
	}
}
