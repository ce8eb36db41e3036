package compose_test

import "testing"

// x-lab is read strictly.
func TestExperimentProblems(t *testing.T) {
	checkProblems(t, []problem{
		{
			name:  "lab unknown",
			edits: []edit{lab("  server: server\n  banana: 1\n")},
			want: []string{
				"lab.yml:6: x-lab.banana: there is no such key here; there are claims, clients, limit, name, port, question, server",
			},
		},
		{
			name:  "lab no host",
			edits: []edit{lab("  server: serve\n")},
			want: []string{
				"lab.yml:5: x-lab.server: no host is called \"serve\"",
			},
		},
		{
			name:  "lab no server",
			edits: []edit{lab("")},
			want: []string{
				"lab.yml:7: x-lab.claims: claims are about a server's sockets; name the host under x-lab.server",
			},
		},
		{
			name:  "lab no port",
			edits: []edit{{"  port: 12000\n", ""}},
			want: []string{
				"lab.yml:7: x-lab.claims: claims are about a port; name it under x-lab.port",
			},
		},
		{
			name:  "lab port",
			edits: []edit{{"port: 12000", "port: 70000"}},
			want: []string{
				"lab.yml:6: x-lab.port: it must be a port, a number from 1 to 65535",
			},
		},
		{
			name:  "lab port text",
			edits: []edit{{"port: 12000", "port: http"}},
			want: []string{
				"lab.yml:6: x-lab.port: it must be a port, a number from 1 to 65535",
			},
		},
		{
			name:  "lab port list",
			edits: []edit{{"port: 12000", "port: [1]"}},
			want: []string{
				"lab.yml:6: x-lab.port: it must be a port, a number from 1 to 65535",
			},
		},
		{
			name:  "lab no clients",
			edits: []edit{{"  clients: [client1]\n", ""}},
			want: []string{
				"lab.yml:7: x-lab.claims: claims are about clients' connections; name the hosts under x-lab.clients",
			},
		},
		{
			name:  "lab clients twice",
			edits: []edit{{"  clients: [client1]\n", "  clients: [client1, client1]\n"}},
			want: []string{
				"lab.yml:7: x-lab.clients.client1: it is named twice; remove one",
			},
		},
		{
			name:  "lab clients unknown",
			edits: []edit{{"  clients: [client1]\n", "  clients:\n    - client1\n    - client2\n"}},
			want: []string{
				"lab.yml:9: x-lab.clients.client2: no host is called \"client2\"",
			},
		},
		{
			name:  "lab claims twice",
			edits: []edit{{"claims: [one-port]", "claims: [one-port, one-port]"}},
			want: []string{
				"lab.yml:8: x-lab.claims.one-port: it is named twice; remove one",
			},
		},
		{
			name:  "lab claims text",
			edits: []edit{{"claims: [one-port]", "claims: one-port"}},
			want: []string{
				"lab.yml:8: x-lab.claims: it must be a list",
			},
		},
		{
			name:  "lab claims mapping",
			edits: []edit{{"claims: [one-port]", "claims: [{a: b}]"}},
			want: []string{
				"lab.yml:8: x-lab.claims: it must be a list of names",
			},
		},
		{
			name:  "lab limit",
			edits: []edit{lab("  server: server\n  limit: 60\n")},
			want: []string{
				"lab.yml:6: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s",
			},
		},
		{
			name:  "lab limit neg",
			edits: []edit{lab("  server: server\n  limit: -5s\n")},
			want: []string{
				"lab.yml:6: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s",
			},
		},
		{
			name:  "lab name",
			edits: []edit{{"name: small", "name: ../small"}},
			want: []string{
				"lab.yml:3: x-lab.name: \"../small\" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit",
			},
		},
		{
			name:  "lab name list",
			edits: []edit{{"name: small", "name: [small]"}},
			want: []string{
				"lab.yml:3: x-lab.name: it must be text",
			},
		},
		{
			name:  "lab list",
			edits: []edit{{"x-lab:\n", "x-old:\n"}, top("x-lab: [a]\n")},
			want: []string{
				"lab.yml:14: x-lab: it must be a mapping",
			},
		},
		{
			name:  "masquerade host",
			edits: []edit{add("x-lab: {masquerade: [home]}")},
			want: []string{
				"lab.yml:18: services.server.x-lab.masquerade: only a router translates addresses; give it several networks and sysctls: {net.ipv4.ip_forward: \"1\"}",
			},
		},
		{
			name:  "masquerade subnet",
			edits: []edit{{"    sysctls:\n", "    x-lab: {masquerade: [office]}\n    sysctls:\n"}},
			want: []string{
				"lab.yml:22: services.router.x-lab.masquerade.office: the host is on no such subnet",
			},
		},
		{
			name:  "service unknown",
			edits: []edit{add("x-lab: {mask: [home]}")},
			want: []string{
				"lab.yml:18: services.server.x-lab.mask: there is no such key here; there are capture-after, masquerade",
			},
		},
		{
			name:  "capture-after",
			edits: []edit{add("x-lab: {capture-after: -1s}")},
			want: []string{
				"lab.yml:18: services.server.x-lab.capture-after: it must be a duration such as 30s or 2m, and at least 0s",
			},
		},
		{
			name:  "network x-lab",
			edits: []edit{{"  home:\n    ipam", "  home:\n    x-lab: {a: b}\n    ipam"}},
			want: []string{
				"lab.yml:39: networks.home.x-lab: it has a meaning in services and at the top only; remove it",
			},
		},
	})
}
