package compose

import (
	"cmp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
)

// ignoredKeys are the keys of a Compose file that a lab may have and that
// change nothing about its topology, its programs or its claims: they say how
// Docker builds, names, confines or looks after containers; an engine without
// containers confines programs in its own way. A * stands for any name; what is
// below an ignored key is ignored with it.
//
// Every key that is neither honoured nor listed here is an error, so that a
// lab never quietly is another one than its file says.
var ignoredKeys = slices.Concat(
	below("", "name volumes"),
	below("services.*.", `
		build image platform pull_policy
		annotations attach container_name expose label_file labels logging stdin_open tty
		cap_add cap_drop init read_only restart security_opt tmpfs userns_mode
		blkio_config cgroup cgroup_parent cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime
		cpu_shares cpus cpuset mem_limit mem_reservation mem_swappiness memswap_limit
		oom_kill_disable oom_score_adj pids_limit shm_size storage_opt`),
	below("networks.*.", "attachable labels name"),
)

// honouredKeys are read, and checked, by this package.
var honouredKeys = slices.Concat(
	below("services.*.", `
		command entrypoint environment extra_hosts hostname network_mode
		stop_grace_period stop_signal sysctls user volumes working_dir
		healthcheck.disable
		depends_on.*.condition depends_on.*.required networks.*.ipv4_address networks.*.ipv6_address networks.*.mac_address`),
	below("networks.*.", "driver driver_opts enable_ipv6 ipam.config.[].gateway ipam.config.[].subnet"),
)

// below are the keys of one level, in words.
func below(parent, names string) []string {
	keys := strings.Fields(names)
	for i := range keys {
		keys[i] = parent + keys[i]
	}
	return keys
}

// reasons say of keys that people are likely to try, by their last name, why a
// lab cannot have them.
var reasons = map[string]string{
	"include": oneFile, "extends": oneFile, "env_file": oneFile,
	"deploy": "a lab names every host; write one service for each",
	"scale":  "a lab names every host; write one service for each",
	"dns":    noNames, "links": noNames, "aliases": noNames,
	"mac_address": "which interface it is for is not said; write it beside the ipv4_address under networks",
	"ports":       "a lab's host has no way out of the lab; remove it",
	"internal":    "Docker drops what a router forwards to an internal network; remove it",
}

const (
	oneFile       = "a lab is one file; write what the other has into it"
	noNames       = "a lab's host has no name server; write names and addresses under extra_hosts"
	refusal       = "a lab cannot honour it; remove it"
	unknownReason = "Compose has no such key here; remove it"
)

// allowedKeys match what is honoured or ignored, without what is below it.
func allowedKeys() []tree.Path {
	var paths []tree.Path
	for _, path := range slices.Concat(honouredKeys, ignoredKeys) {
		paths = append(paths, tree.Path(path))
	}
	return paths
}

// refuse reports the keys that a lab cannot have. What is written in services
// that are no hosts is no concern of a lab.
func refuse(found []loader.UnsupportedAttribute, model map[string]any, r *report) {
	allowed := tree.NewMatcher(allowedKeys()...)
	known := tree.NewMatcher(schema.AttributePaths()...)
	for _, attribute := range found {
		k := keyOf(attribute.Path)
		if isBelow(attribute.Path, allowed) || k[0] == "services" && len(k) > 2 && isOutside(model, k[1]) {
			continue
		}
		reason := cmp.Or(reasons[k[len(k)-1]], refusal)
		if !known.Matches(attribute.Path) {
			reason = unknownReason
		}
		r.addName(k, "%s", reason)
	}
}

func isBelow(path tree.Path, allowed *tree.Matcher) bool {
	for parent := path.Parent(); parent != ""; parent = parent.Parent() {
		if allowed.Matches(parent) {
			return true
		}
	}
	return false
}

// noNetwork is the network_mode of a service that is no host.
const noNetwork = "none"

func isOutside(model map[string]any, service string) bool {
	services, _ := model["services"].(map[string]any)
	values, _ := services[service].(map[string]any)
	return values["network_mode"] == noNetwork
}

func keyOf(path tree.Path) key {
	var k key
	for _, name := range path.Parts() {
		if name == tree.PathMatchList {
			name = "[0]" // the loader does not tell which
		}
		k = append(k, tree.Path(name).String())
	}
	return k
}
