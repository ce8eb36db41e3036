//go:build unix

package docker

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// firstLab is the lab of the repository's root:
//
//	home   server .10 ──┐
//	cafe   client1 .10 ─┤
//	office client2 .10 ─┼─ router, .254 on each
//	campus client3 .10 ─┘
const firstLab = "../../docker-compose.yml"

// The environment of a process that runs the first lab until it is killed.
const (
	victimFolder = "FOURTUPLE_TEST_FOLDER"
	victimPrefix = "LAB_PREFIX"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(victimFolder); folder != "" {
		if err := beVictim(folder); err != nil {
			fmt.Println(err)
		}
		os.Exit(1) // it was to be killed
	}
	goleak.VerifyTestMain(m)
}

func beVictim(folder string) error {
	lab, err := topology.Load(firstLab, os.Environ())
	if err != nil {
		return err
	}
	return Engine{}.Run(context.Background(), lab, folder, run.Options{Hold: func(context.Context) {
		fmt.Println("up")
		time.Sleep(5 * time.Minute)
	}})
}
