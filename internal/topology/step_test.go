package topology

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStepsInWords(t *testing.T) {
	for want, step := range map[string]Step{
		"open":                       {Action: Open},
		"start server, client1/b":    {Action: Start, On: []string{"server", "client1/b"}},
		"start 6 programs":           {Action: Start, On: []string{"1", "2", "3", "4", "5", "6"}},
		"type server: listen 12000":  {Action: Type, On: []string{"server"}, Line: "listen 12000"},
		"snapshot accepted":          {Action: Snapshot, Name: "accepted"},
		"signal SIGSTOP server":      {Action: Signal, On: []string{"server"}, Signal: "SIGSTOP"},
		"cut router: cafe, home":     {Action: Cut, On: []string{"router"}, Subnets: []string{"cafe", "home"}},
		"sleep 300ms":                {Action: Sleep, For: 300 * time.Millisecond},
		"wait server.sockets: a > 1": {Action: Wait, On: []string{"server"}, Table: "sockets", Where: "a > 1", For: time.Second},
	} {
		assert.Equal(t, want, step.String())
	}
}
