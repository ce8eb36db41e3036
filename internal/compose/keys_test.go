package compose_test

import "testing"

// Every key that a lab cannot have is named where it is written.
func TestKeysProblems(t *testing.T) {
	checkProblems(t, []problem{
		{
			name:  "ports",
			edits: []edit{add(`ports: ["80:80"]`)},
			want: []string{
				"lab.yml:18: services.server.ports: a lab's host has no way out of the lab; remove it",
			},
		},
		{
			name:  "unknown service key",
			edits: []edit{add(`banana: 1`)},
			want: []string{
				"lab.yml:18: services.server.banana: Compose has no such key here; remove it",
			},
		},
		{
			name:  "unknown top key",
			edits: []edit{top(`banana: 1`)},
			want: []string{
				"lab.yml:14: banana: Compose has no such key here; remove it",
			},
		},
		{
			name:  "unknown network key",
			edits: []edit{{"  home:\n    ipam", "  home:\n    banana: 1\n    ipam"}},
			want: []string{
				"lab.yml:39: networks.home.banana: Compose has no such key here; remove it",
			},
		},
		{
			name:  "merged",
			edits: []edit{{"  read_only: true\n", "  read_only: true\n  privileged: true\n"}},
			want: []string{
				"lab.yml:13: services.client1.privileged: a host's agent needs a few capabilities only; remove it",
				"lab.yml:13: services.router.privileged: a host's agent needs a few capabilities only; remove it",
				"lab.yml:13: services.server.privileged: a host's agent needs a few capabilities only; remove it",
			},
		},
		{
			name:  "include",
			edits: []edit{top("include: [other.yml]\n")},
			want: []string{
				"lab.yml:14: include: a lab is one file; write what is included into it",
			},
		},
		{
			name:  "configs",
			edits: []edit{top("configs: {a: {file: b}}\n")},
			want: []string{
				"lab.yml:14: configs: the program would miss its files where there are no containers; remove it",
			},
		},
		{
			name:  "models",
			edits: []edit{top("models: {a: {model: b}}\n")},
			want: []string{
				"lab.yml:14: models: a lab has hosts only; remove it",
			},
		},
		{
			name:  "extends",
			edits: []edit{add("extends: {file: other.yml, service: x}")},
			want: []string{
				"lab.yml:18: services.server.extends: a lab's services extend none; use an anchor and a merge key: <<: *name",
			},
		},
		{
			name:  "env_file",
			edits: []edit{add("env_file: other.env")},
			want: []string{
				"lab.yml:18: services.server.env_file: a lab is one file; write the variables under environment",
			},
		},
		{
			name:  "deploy",
			edits: []edit{add("deploy: {replicas: 3}")},
			want: []string{
				"lab.yml:18: services.server.deploy: a lab names every host; write one service for each",
			},
		},
		{
			name:  "scale",
			edits: []edit{add("scale: 3")},
			want: []string{
				"lab.yml:18: services.server.scale: a lab names every host; write one service for each",
			},
		},
		{
			name:  "links",
			edits: []edit{add("links: [router]")},
			want: []string{
				"lab.yml:18: services.server.links: a lab's host has no name server; write names and addresses under extra_hosts",
			},
		},
		{
			name:  "dns",
			edits: []edit{add("dns: 1.1.1.1")},
			want: []string{
				"lab.yml:18: services.server.dns: a lab's host has no name server; write names and addresses under extra_hosts",
			},
		},
		{
			name:  "profiles",
			edits: []edit{add("profiles: [a]")},
			want: []string{
				"lab.yml:18: services.server.profiles: all of a lab's hosts run; remove it",
			},
		},
		{
			name:  "health check",
			edits: []edit{add("healthcheck: {disable: true}")},
			want: []string{
				"lab.yml:18: services.server.healthcheck: a host's agent says when the host is ready; remove it",
			},
		},
		{
			name:  "ulimits",
			edits: []edit{add("ulimits: {nofile: 3}")},
			want: []string{
				"lab.yml:18: services.server.ulimits: a lab cannot honour it; remove it",
			},
		},
		{
			name:  "user",
			edits: []edit{add("user: nobody")},
			want: []string{
				"lab.yml:18: services.server.user: a host's agent starts the program as an ordinary user; remove it",
			},
		},
		{
			name:  "aliases",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.10, aliases: [a]}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.aliases: a lab's host has no name server; write names and addresses under extra_hosts",
			},
		},
		{
			name:  "interface name",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.10, interface_name: eth7}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.interface_name: interfaces are told apart by their addresses; remove it",
			},
		},
		{
			name:  "internal",
			edits: []edit{{"  home:\n    ipam", "  home:\n    internal: true\n    ipam"}},
			want: []string{
				"lab.yml:39: networks.home.internal: Docker drops what a router forwards to an internal network; remove it",
			},
		},
		{
			name:  "external",
			edits: []edit{{"  home:\n    ipam:\n      config:\n        - subnet: 10.12.0.0/24", "  home:\n    external: true"}},
			want: []string{
				"lab.yml:39: networks.home.external: a lab's subnets are its own; remove it and write its subnet under ipam",
			},
		},
		{
			name:  "ip_range",
			edits: []edit{{homeSubnet, homeSubnet + "\n          ip_range: 10.12.0.0/26"}},
			want: []string{
				"lab.yml:42: networks.home.ipam.config[0].ip_range: every host names its own address; remove it",
			},
		},
		{
			name:  "depends restart",
			edits: []edit{{"depends_on: [server]", "depends_on: {server: {condition: service_started, restart: true}}"}},
			want: []string{
				"lab.yml:32: services.client1.depends_on.server.restart: a run starts every program once; remove it",
			},
		},
		{
			name:  "ipv6_address",
			edits: []edit{{serverHome, `home: {ipv4_address: 10.12.0.10, ipv6_address: "fd00::1"}`}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv6_address: a lab is IPv4 only; remove it",
			},
		},
		{
			name:  "service's MAC address",
			edits: []edit{add(`mac_address: "02:00:5e:00:00:01"`)},
			want: []string{
				"lab.yml:18: services.server.mac_address: which interface it is for is not said; write it beside the ipv4_address under networks",
			},
		},
	})
}
