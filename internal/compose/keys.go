package compose

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/tree"
)

// ignoredKeys are the keys of a Compose file that a lab may have and that
// change nothing about its topology, its programs or its claims: they say how
// Docker builds, names, confines or looks after containers. A * stands for any
// name; what is below an ignored key is ignored with it.
//
// Every key that is neither honoured nor listed here is an error, so that a
// lab never quietly is another one than its file says.
var ignoredKeys = []string{
	// The project: its name, and volumes that keep a run's folder.
	"name",
	"volumes",

	// Images and their making.
	"services.*.build",
	"services.*.image",
	"services.*.platform",
	"services.*.pull_policy",

	// What containers are called, and what is shown of them.
	"services.*.annotations",
	"services.*.attach",
	"services.*.container_name",
	"services.*.expose",
	"services.*.label_file",
	"services.*.labels",
	"services.*.logging",
	"services.*.stdin_open",
	"services.*.tty",

	// How a container is confined; an engine without containers confines
	// programs in its own way.
	"services.*.cap_add",
	"services.*.cap_drop",
	"services.*.init",
	"services.*.read_only",
	"services.*.restart",
	"services.*.security_opt",
	"services.*.tmpfs",
	"services.*.userns_mode",

	// What a container may use of the machine.
	"services.*.blkio_config",
	"services.*.cgroup",
	"services.*.cgroup_parent",
	"services.*.cpu_count",
	"services.*.cpu_percent",
	"services.*.cpu_period",
	"services.*.cpu_quota",
	"services.*.cpu_rt_period",
	"services.*.cpu_rt_runtime",
	"services.*.cpu_shares",
	"services.*.cpus",
	"services.*.cpuset",
	"services.*.mem_limit",
	"services.*.mem_reservation",
	"services.*.mem_swappiness",
	"services.*.memswap_limit",
	"services.*.oom_kill_disable",
	"services.*.oom_score_adj",
	"services.*.pids_limit",
	"services.*.shm_size",
	"services.*.storage_opt",

	// What Docker calls a network, and who else may join it.
	"networks.*.attachable",
	"networks.*.labels",
	"networks.*.name",
}

// honouredKeys are read, and checked, by this package.
var honouredKeys = []string{
	"services.*.command",
	"services.*.depends_on.*.condition",
	"services.*.depends_on.*.required",
	"services.*.entrypoint",
	"services.*.environment",
	"services.*.extra_hosts",
	"services.*.hostname",
	"services.*.network_mode",
	"services.*.networks.*.ipv4_address",
	"services.*.networks.*.mac_address",
	"services.*.stop_grace_period",
	"services.*.stop_signal",
	"services.*.sysctls",
	"services.*.volumes",
	"services.*.working_dir",
	"networks.*.driver",
	"networks.*.driver_opts",
	"networks.*.ipam.config.[].gateway",
	"networks.*.ipam.config.[].subnet",
	"networks.*.ipam.driver",
}

const nameless = "a lab's host has no name server; write names and addresses under extra_hosts"

// refusals says of keys that people are likely to try why a lab cannot have
// them. Keys without an entry get refusal.
var refusals = map[string]string{
	"configs": "the program would miss its files where there are no containers; remove it",
	"include": "a lab is one file; write what is included into it",
	"jobs":    "a lab has hosts only; make it a service",
	"models":  "a lab has hosts only; remove it",
	"secrets": "the program would miss its files where there are no containers; remove it",

	"services.*.configs":                   "the program would miss its files where there are no containers; remove it",
	"services.*.deploy":                    "a lab names every host; write one service for each",
	"services.*.devices":                   "a lab's host has network interfaces and no other devices; remove it",
	"services.*.dns":                       nameless,
	"services.*.dns_opt":                   nameless,
	"services.*.dns_search":                nameless,
	"services.*.domainname":                nameless,
	"services.*.env_file":                  "a lab is one file; write the variables under environment",
	"services.*.extends":                   "a lab's services extend none; use an anchor and a merge key: <<: *name",
	"services.*.external_links":            nameless,
	"services.*.healthcheck":               "a host's agent says when the host is ready; remove it",
	"services.*.ipc":                       "a lab's hosts share nothing but subnets; remove it",
	"services.*.links":                     nameless,
	"services.*.mac_address":               "which interface it is for is not said; write it beside the ipv4_address under networks",
	"services.*.pid":                       "a lab's hosts share nothing but subnets; remove it",
	"services.*.ports":                     "a lab's host has no way out of the lab; remove it",
	"services.*.privileged":                "a host's agent needs a few capabilities only; remove it",
	"services.*.profiles":                  "all of a lab's hosts run; remove it",
	"services.*.runtime":                   "another runtime is another network stack; remove it",
	"services.*.scale":                     "a lab names every host; write one service for each",
	"services.*.secrets":                   "the program would miss its files where there are no containers; remove it",
	"services.*.user":                      "a host's agent starts the program as an ordinary user; remove it",
	"services.*.uts":                       "a lab's hosts share nothing but subnets; remove it",
	"services.*.volumes_from":              "a lab's hosts share nothing but subnets; remove it",
	"services.*.networks.*.aliases":        nameless,
	"services.*.networks.*.interface_name": "interfaces are told apart by their addresses; remove it",
	"services.*.networks.*.ipv6_address":   "a lab is IPv4 only; remove it",
	"services.*.depends_on.*.restart":      "a run starts every program once; remove it",

	"networks.*.enable_ipv4":                  "a lab is IPv4 only; remove it",
	"networks.*.enable_ipv6":                  "a lab is IPv4 only; remove it",
	"networks.*.external":                     "a lab's subnets are its own; remove it and write its subnet under ipam",
	"networks.*.internal":                     "Docker drops what a router forwards to an internal network; remove it",
	"networks.*.ipam.config.[].aux_addresses": "every host names its own address; remove it",
	"networks.*.ipam.config.[].ip_range":      "every host names its own address; remove it",
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
	for pattern, why := range refusals {
		if path.Matches(tree.Path(pattern)) {
			return why
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
