package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
	"go.yaml.in/yaml/v3"
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
		stop_grace_period stop_signal sysctls volumes working_dir
		depends_on.*.condition depends_on.*.required networks.*.ipv4_address networks.*.mac_address`),
	below("networks.*.", "driver driver_opts ipam.driver ipam.config.[].gateway ipam.config.[].subnet"),
)

// below are the keys of one level, in words.
func below(parent, names string) []string {
	keys := strings.Fields(names)
	for i := range keys {
		keys[i] = parent + keys[i]
	}
	return keys
}

// refusals say of keys that people are likely to try why a lab cannot have
// them; of keys that are not among them, refusal does.
var refusals = []struct {
	keys   []string
	reason string
}{
	{below("", "include"), "a lab is one file; write what is included into it"},
	{below("", "jobs models"), "a lab has hosts only; remove it"},
	{below("", "configs secrets services.*.configs services.*.secrets"), "the program would miss its files where there are no containers; remove it"},
	{below("services.*.", "deploy scale"), "a lab names every host; write one service for each"},
	{below("services.*.", "devices"), "a lab's host has network interfaces and no other devices; remove it"},
	{below("services.*.", "dns dns_opt dns_search domainname external_links links networks.*.aliases"), "a lab's host has no name server; write names and addresses under extra_hosts"},
	{below("services.*.", "env_file"), "a lab is one file; write the variables under environment"},
	{below("services.*.", "extends"), "a lab's services extend none; use an anchor and a merge key: <<: *name"},
	{below("services.*.", "healthcheck"), "a host's agent says when the host is ready; remove it"},
	{below("services.*.", "ipc pid uts volumes_from"), "a lab's hosts share nothing but subnets; remove it"},
	{below("services.*.", "mac_address"), "which interface it is for is not said; write it beside the ipv4_address under networks"},
	{below("services.*.", "ports"), "a lab's host has no way out of the lab; remove it"},
	{below("services.*.", "privileged"), "a host's agent needs a few capabilities only; remove it"},
	{below("services.*.", "profiles"), "all of a lab's hosts run; remove it"},
	{below("services.*.", "runtime"), "another runtime is another network stack; remove it"},
	{below("services.*.", "user"), "a host's agent starts the program as an ordinary user; remove it"},
	{below("services.*.", "networks.*.interface_name"), "interfaces are told apart by their addresses; remove it"},
	{below("services.*.", "depends_on.*.restart"), "a run starts every program once; remove it"},
	{below("", "services.*.networks.*.ipv6_address networks.*.enable_ipv4 networks.*.enable_ipv6"), "a lab is IPv4 only; remove it"},
	{below("networks.*.", "external"), "a lab's subnets are its own; remove it and write its subnet under ipam"},
	{below("networks.*.", "internal"), "Docker drops what a router forwards to an internal network; remove it"},
	{below("networks.*.", "ipam.config.[].aux_addresses ipam.config.[].ip_range"), "every host names its own address; remove it"},
}

const refusal = "a lab cannot honour it; remove it"

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
	for _, attribute := range found {
		k := keyOf(attribute.Path)
		if isBelow(attribute.Path, allowed) || k[0] == "services" && len(k) > 2 && isOutside(mapping(model, "services", k[1])) {
			continue
		}
		r.add(k, "%s", reason(attribute.Path))
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

// checkKnown names every key of the file, of a service and of a network that
// Compose itself does not know: the loader would name one of them.
func checkKnown(r *report) {
	known := make(map[string]bool)
	for _, path := range schema.AttributePaths() {
		parts := path.Parts()
		known[parts[0]] = true
		if len(parts) > 2 {
			known[parts[0]+"."+parts[2]] = true
		}
	}
	check := func(node *yaml.Node, k key, level string) {
		for name, e := range r.lines.entriesOf(target(node)) {
			if target(node).Kind == yaml.MappingNode && name != "<<" && !strings.HasPrefix(name, "x-") && !known[level+name] {
				r.addAt(e.line, k.to(name), unknownReason)
			}
		}
	}
	check(r.lines.root, nil, "")
	for _, level := range []string{"services", "networks"} {
		all := r.lines.entriesOf(r.lines.root)[level]
		if all.value == nil {
			continue
		}
		for name, e := range r.lines.entriesOf(target(all.value)) {
			check(e.value, key{level, name}, level+".")
		}
	}
}

const unknownReason = "Compose has no such key here; remove it"

// noNetwork is the network_mode of a service that is no host.
const noNetwork = "none"

func isOutside(service map[string]any) bool {
	return service["network_mode"] == noNetwork
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

func reason(path tree.Path) string {
	for _, r := range refusals {
		if slices.ContainsFunc(r.keys, func(pattern string) bool { return path.Matches(tree.Path(pattern)) }) {
			return r.reason
		}
	}
	return refusal
}

// mapping goes down a model; nil where there is no mapping.
func mapping(model map[string]any, names ...string) map[string]any {
	for _, name := range names {
		model, _ = model[name].(map[string]any)
	}
	return model
}
