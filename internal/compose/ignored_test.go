package compose_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// samples are values for the ignored keys that want another than "a".
var samples = map[string]string{
	"annotations": "{a: b}", "attach": "false", "blkio_config": "{weight: 10}", "cap_add": "[ALL]", "cap_drop": "[ALL]",
	"cgroup": "host", "container_name": "server1", "cpu_count": "1", "cpu_percent": "1", "cpu_quota": "1", "cpu_period": "1", "cpu_shares": "1",
	"expose": "[80]", "init": "true", "labels": "{a: b}", "logging": "{driver: none}", "oom_kill_disable": "true",
	"oom_score_adj": "1", "pids_limit": "1", "pull_policy": "always", "read_only": "false", "restart": "always",
	"security_opt": "[a]", "stdin_open": "true", "storage_opt": "{size: 1G}", "tmpfs": "[/tmp]", "tty": "true",
	"attachable": "true", "volumes": "{a: {}}", "cpus": "1", "mem_limit": "1g", "mem_reservation": "1g",
	"memswap_limit": "1g", "mem_swappiness": "1", "shm_size": "1g", "cpu_rt_period": "1", "cpu_rt_runtime": "1",
}

func TestIgnoredKeysChangeNothing(t *testing.T) {
	want := parse(t, "lab.yml", small(t))
	for _, path := range topology.IgnoredKeys() {
		t.Run(path, func(t *testing.T) {
			name := path[strings.LastIndex(path, ".")+1:]
			value, ok := samples[name]
			if !ok {
				value = "a"
			}
			line := name + ": " + value
			var text string
			switch {
			case name == "image":
				text = strings.Replace(small(t), "fourtuple/server", "other", 1)
			case name == "read_only":
				text = strings.Replace(small(t), "read_only: true", line, 1)
			case strings.HasPrefix(path, "services.*."):
				text = edited(t, small(t), add(line))
			case strings.HasPrefix(path, "networks.*."):
				text = edited(t, small(t), edit{"  home:\n    ipam", "  home:\n    " + line + "\n    ipam"})
			default:
				text = edited(t, small(t), top(line))
			}
			require.NotEqual(t, small(t), text)
			got := parse(t, "lab.yml", text)
			got.Source = want.Source
			if name == "image" {
				got.Hosts = want.Hosts
			}
			assert.Equal(t, want, got)
		})
	}
}

// A key that is spelled wrong would allow nothing and say nothing.
func TestIgnoredKeysAreComposeKeys(t *testing.T) {
	known := tree.NewMatcher(schema.AttributePaths()...)
	for _, path := range topology.IgnoredKeys() {
		assert.True(t, known.Matches(tree.Path(path)), path)
	}
	assert.False(t, known.Matches("services.*.banana"), "the control")
}
