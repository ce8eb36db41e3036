package compose_test

import (
	"strings"
	"testing"
)

// What a host is given must be what every engine can give.
func TestHostsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{
			name:  "dot in name",
			edits: []edit{{"  client1:\n", "  client.1:\n"}},
			want: []string{
				"lab.yml:7: x-lab.clients.client1: no host is called \"client1\"",
				"lab.yml:29: services.client.1: \"client.1\" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit",
			},
		},
		{
			name:  "space in name",
			edits: []edit{{"  client1:\n", "  client 1:\n"}},
			want: []string{
				"lab.yml:29: services.client 1: \"client 1\" is no name for Compose; use letters, digits, - and _",
			},
		},
		{
			name:  "slash in name",
			edits: []edit{{"  client1:\n", "  ../client1:\n"}},
			want: []string{
				"lab.yml:29: services.../client1: \"../client1\" is no name for Compose; use letters, digits, - and _",
			},
		},
		{
			name:  "long name",
			edits: []edit{{"  client1:\n", "  " + strings.Repeat("c", 64) + ":\n"}},
			want: []string{
				"lab.yml:7: x-lab.clients.client1: no host is called \"client1\"",
				"lab.yml:29: services." + strings.Repeat("c", 64) + ": the name has 64 characters; the most a name may have is 63",
			},
		},
		{
			name:  "upper and lower case",
			edits: []edit{{"  client1:\n", "  Server:\n"}},
			want: []string{
				"lab.yml:7: x-lab.clients.client1: no host is called \"client1\"",
				"lab.yml:15: services.server: it differs from Server by upper and lower case only, and some file systems do not; rename one",
			},
		},
		{
			name:  "subnet name",
			edits: []edit{{"  home:\n    ipam", "  h.ome:\n    ipam"}},
			want: []string{
				"lab.yml:19: services.server.networks.home: no network is called \"home\"",
				"lab.yml:25: services.router.networks.home: no network is called \"home\"",
				"lab.yml:38: networks.h.ome: \"h.ome\" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit",
			},
		},
		{
			name:  "hostname",
			edits: []edit{add("hostname: a b")},
			want: []string{
				"lab.yml:18: services.server.hostname: \"a b\" is no host name of at most 63 characters",
			},
		},
		{
			name:  "hostname that ends in a dot",
			edits: []edit{add(`hostname: 'yes.'`)},
			want: []string{
				"lab.yml:18: services.server.hostname: \"yes.\" is no host name of at most 63 characters",
			},
		},
		{
			name:  "no image",
			edits: []edit{{"    <<: *host\n    command: [server]\n", "    command: [server]\n"}},
			want: []string{
				"lab.yml:15: services.server: Compose wants an image or a build for every service; name one",
			},
		},
		{
			name:  "working_dir",
			edits: []edit{add("working_dir: tmp")},
			want: []string{
				"lab.yml:18: services.server.working_dir: \"tmp\" must begin with a /",
			},
		},
		{
			name:  "stop_signal",
			edits: []edit{add("stop_signal: SIGFOO")},
			want: []string{
				"lab.yml:18: services.server.stop_signal: \"SIGFOO\" is not one of SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 and SIGWINCH",
			},
		},
		{
			name:  "stop_grace",
			edits: []edit{add("stop_grace_period: banana")},
			want: []string{
				"lab.yml:18: services.server.stop_grace_period: time: invalid duration \"banana\"",
			},
		},
		{
			name:  "negative grace",
			edits: []edit{add("stop_grace_period: -1s")},
			want: []string{
				"lab.yml:18: services.server.stop_grace_period: -1s is less than 0s",
			},
		},
		{
			name:  "sysctl",
			edits: []edit{add("sysctls: [kernel.panic=1]")},
			want: []string{
				"lab.yml:18: services.server.sysctls.kernel.panic: it is not a host's own setting, such as net.ipv4.ip_forward, but the machine's; remove it",
			},
		},
		{
			name:  "sysctl path",
			edits: []edit{add("sysctls: {net/../kernel/panic: 1}")},
			want: []string{
				"lab.yml:18: services.server.sysctls.net/../kernel/panic: it is not a host's own setting, such as net.ipv4.ip_forward, but the machine's; remove it",
			},
		},
		{
			name:  "sysctl forwarding",
			edits: []edit{add("sysctls: {net.ipv4.conf.all.forwarding: 1}")},
			want: []string{
				"lab.yml:18: services.server.sysctls.net.ipv4.conf.all.forwarding: a router is known by net.ipv4.ip_forward; write that instead",
			},
		},
		{
			name:  "sysctl value",
			edits: []edit{add("sysctls: {net.ipv4.ip_forward: 2}")},
			want: []string{
				"lab.yml:18: services.server.sysctls.net.ipv4.ip_forward: it must be 0 or 1, not \"2\"",
			},
		},
		{
			name:  "extra_hosts",
			edits: []edit{add(`extra_hosts: ["a:host-gateway"]`)},
			want: []string{
				"lab.yml:18: services.server.extra_hosts.a: \"host-gateway\" is no IPv4 address",
			},
		},
		{
			name:  "IPv6 extra host",
			edits: []edit{add(`extra_hosts: ["a=fd00::1"]`)},
			want: []string{
				"lab.yml:18: services.server.extra_hosts.a: \"fd00::1\" is no IPv4 address",
			},
		},
		{
			name:  "extra_hosts name",
			edits: []edit{add(`extra_hosts: {"a b": 10.12.0.10}`)},
			want: []string{
				"lab.yml:18: services.server.extra_hosts.a b: \"a b\" is no host name of at most 63 characters",
			},
		},
		{
			name:  "empty program",
			edits: []edit{{"command: [server]", `command: [""]`}},
			want: []string{
				"lab.yml:17: services.server.command: the program's name is empty",
			},
		},
		{
			name:  "environment name",
			edits: []edit{add(`environment: ["=a"]`)},
			want: []string{
				"lab.yml:18: services.server.environment.: \"\" cannot name a variable",
			},
		},
		{
			name:  "depends condition",
			edits: []edit{{"depends_on: [server]", "depends_on: {server: {condition: service_healthy}}"}},
			want: []string{
				"lab.yml:32: services.client1.depends_on.server.condition: service_healthy cannot be waited for; a lab knows service_started only",
			},
		},
		{
			name:  "depends nobody",
			edits: []edit{{"depends_on: [server]", "depends_on: [serve]"}},
			want: []string{
				"lab.yml:32: services.client1.depends_on.serve: no service is called \"serve\"",
			},
		},
		{
			name:  "depends cycle",
			edits: []edit{add("depends_on: [client1]")},
			want: []string{
				"lab.yml:33: services.client1.depends_on.server: services wait for each other: client1 → server → client1",
			},
		},
		{
			name:  "volume",
			edits: []edit{add(`volumes: ["./data:/data"]`)},
			want: []string{
				"lab.yml:18: services.server.volumes: the program would miss /data where there are no containers; mount nothing but /runs and /lab.yml",
			},
		},
		{
			name:  "two volumes",
			edits: []edit{add(`volumes: ["./a:/runs", {type: bind, source: ./b, target: /runs/more/..}]`)},
			want: []string{
				"lab.yml:18: services.server.volumes: two volumes are mounted on /runs; remove one",
			},
		},
	})
}
