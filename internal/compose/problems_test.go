package compose_test

import (
	"fmt"
	"strings"
	"testing"
)

// What a host is given must be what every engine can give.
func TestHostsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"dot in name", []edit{{"  client1:\n", "  client.1:\n"}}, []string{
			`lab.yml:6:13: x-lab.clients.client1: no host is called "client1"; did you mean client.1?`,
			`lab.yml:29:3: services.client.1: "client.1" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit`,
		}},
		{"space in name", []edit{{"  client1:\n", "  client 1:\n"}}, []string{"lab.yml:14:1: services: additional properties 'client 1' not allowed"}},
		{"long name", []edit{{"  client1:\n", "  " + strings.Repeat("c", 64) + ":\n"}}, []string{
			`lab.yml:6:13: x-lab.clients.client1: no host is called "client1"; there are cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc, router, server`,
			"lab.yml:29:3: services.cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc: the name has 64 characters; the most a name may have is 63",
		}},
		{"subnet name", []edit{{"  home:\n    ipam", "  h.ome:\n    ipam"}}, []string{
			`lab.yml:19:7: services.server.networks.home: no network is called "home"; did you mean h.ome?`,
			`lab.yml:25:7: services.router.networks.home: no network is called "home"; did you mean h.ome?`,
			`lab.yml:38:3: networks.h.ome: "h.ome" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit`,
		}},
		{"hostname", []edit{add("hostname: a b")}, []string{`lab.yml:18:15: services.server.hostname: "a b" is no host name of at most 63 characters`}},
		{"hostname that ends in a dot", []edit{add(`hostname: 'yes.'`)}, []string{`lab.yml:18:15: services.server.hostname: "yes." is no host name of at most 63 characters`}},
		{"no image", []edit{{"    <<: *host\n    command: [server]\n", "    command: [server]\n"}}, []string{"lab.yml:15:3: services.server: Compose wants an image or a build for every service; name one"}},
		{"working_dir", []edit{add("working_dir: tmp")}, []string{`lab.yml:18:18: services.server.working_dir: "tmp" must begin with a /`}},
		{"stop_signal", []edit{add("stop_signal: SIGFOO")}, []string{`lab.yml:18:18: services.server.stop_signal: "SIGFOO" is not one of SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH`}},
		{"stop_grace", []edit{add("stop_grace_period: banana")}, []string{`lab.yml:18:24: services.server.stop_grace_period: time: invalid duration "banana"`}},
		{"negative grace", []edit{add("stop_grace_period: -1s")}, []string{"lab.yml:18:24: services.server.stop_grace_period: -1s is less than 0s"}},
		{"sysctl", []edit{add("sysctls: [kernel.panic=1]")}, []string{"lab.yml:18:15: services.server.sysctls.kernel.panic: it is not a host's own setting, such as net.ipv4.ip_forward, but the machine's; remove it"}},
		{"sysctl path", []edit{add("sysctls: {net/../kernel/panic: 1}")}, []string{"lab.yml:18:36: services.server.sysctls.net/../kernel/panic: it is not a host's own setting, such as net.ipv4.ip_forward, but the machine's; remove it"}},
		{"sysctl forwarding", []edit{add("sysctls: {net.ipv4.conf.all.forwarding: 1}")}, []string{"lab.yml:18:45: services.server.sysctls.net.ipv4.conf.all.forwarding: a router is known by net.ipv4.ip_forward; write that instead"}},
		{"sysctl value", []edit{add("sysctls: {net.ipv4.ip_forward: 2}")}, []string{`lab.yml:18:36: services.server.sysctls.net.ipv4.ip_forward: it must be 0 or 1, not "2"`}},
		{"extra_hosts", []edit{add(`extra_hosts: ["a:host-gateway"]`)}, []string{`lab.yml:18:19: services.server.extra_hosts.a: "host-gateway" is no address`}},
		{"extra_hosts name", []edit{add(`extra_hosts: {"a b": 10.12.0.10}`)}, []string{`lab.yml:18:26: services.server.extra_hosts.a b: "a b" is no host name of at most 63 characters`}},
		{"another's agent", []edit{add("entrypoint: [/lab, host, router]")}, []string{"lab.yml:18:5: services.server.entrypoint: the agent of server must be told this name; write entrypoint: [/lab, host, server]"}},
		{"nobody's agent", []edit{add("entrypoint: [/lab, host]")}, []string{"lab.yml:18:5: services.server.entrypoint: the agent of server must be told this name; write entrypoint: [/lab, host, server]"}},
		{"empty program", []edit{{"command: [server]", `command: [""]`}}, []string{"lab.yml:17:5: services.server.command: the program's name is empty"}},
		{"depends condition", []edit{{"depends_on: [server]", "depends_on: {server: {condition: service_healthy}}"}}, []string{"lab.yml:32:38: services.client1.depends_on.server.condition: service_healthy cannot be waited for; a lab knows service_started only"}},
		{"depends nobody", []edit{{"depends_on: [server]", "depends_on: [serve]"}}, []string{`lab.yml:32:18: services.client1.depends_on.serve: no service is called "serve"; did you mean server?`}},
		{"depends cycle", []edit{add("depends_on: [client1]")}, []string{"lab.yml:33:5: services.client1.depends_on: services wait for each other, and none could start first: client1, server"}},
		{"volume", []edit{add(`volumes: ["./data:/data"]`)}, []string{"lab.yml:18:5: services.server.volumes: the program would miss /data where there are no containers; mount nothing but /control"}},
	})
}

// Every key that a lab cannot have is named where it is written.
func TestKeysProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"ports", []edit{add(`ports: ["80:80"]`)}, []string{"lab.yml:18:5: services.server.ports: a lab's host has no way out of the lab; remove it"}},
		{"unknown service key", []edit{add(`banana: 1`)}, []string{"lab.yml:18:5: services.server.banana: Compose has no such key here; remove it"}},
		{"unknown top key", []edit{top(`banana: 1`)}, []string{"lab.yml:14:1: banana: Compose has no such key here; remove it"}},
		{"unknown network key", []edit{{"  home:\n    ipam", "  home:\n    banana: 1\n    ipam"}}, []string{"lab.yml:39:5: networks.home.banana: Compose has no such key here; remove it"}},
		{"several unknown", []edit{add("banana: 1\n    apple: 2"), top("cherry: 1"), {"  home:\n    ipam", "  home:\n    fig: 1\n    ipam"}}, []string{
			"lab.yml:14:1: cherry: Compose has no such key here; remove it",
			"lab.yml:19:5: services.server.banana: Compose has no such key here; remove it",
			"lab.yml:20:5: services.server.apple: Compose has no such key here; remove it",
			"lab.yml:42:5: networks.home.fig: Compose has no such key here; remove it",
		}},
		{"merged", []edit{{"  read_only: true\n", "  read_only: true\n  privileged: true\n"}}, []string{
			"lab.yml:13:3: services.client1.privileged: a lab cannot honour it; remove it",
			"lab.yml:13:3: services.router.privileged: a lab cannot honour it; remove it",
			"lab.yml:13:3: services.server.privileged: a lab cannot honour it; remove it",
		}},
		{"include", []edit{top("include: [other.yml]\n")}, []string{"lab.yml:14:1: include: a lab is one file; write what the other has into it"}},
		{"configs", []edit{top("configs: {a: {file: b}}\n")}, []string{"lab.yml:14:1: configs: a lab cannot honour it; remove it"}},
		{"extends", []edit{add("extends: {file: other.yml, service: x}")}, []string{"lab.yml:18:5: services.server.extends: a lab is one file; write what the other has into it"}},
		{"env_file", []edit{add("env_file: other.env")}, []string{"lab.yml:18:5: services.server.env_file: a lab is one file; write what the other has into it"}},
		{"deploy", []edit{add("deploy: {replicas: 3}")}, []string{"lab.yml:18:5: services.server.deploy: a lab names every host; write one service for each"}},
		{"scale", []edit{add("scale: 3")}, []string{"lab.yml:18:5: services.server.scale: a lab names every host; write one service for each"}},
		{"links", []edit{add("links: [router]")}, []string{"lab.yml:18:5: services.server.links: a lab's host has no name server; write names and addresses under extra_hosts"}},
		{"dns", []edit{add("dns: 1.1.1.1")}, []string{"lab.yml:18:5: services.server.dns: a lab's host has no name server; write names and addresses under extra_hosts"}},
		{"ulimits", []edit{add("ulimits: {nofile: 3}")}, []string{"lab.yml:18:5: services.server.ulimits: a lab cannot honour it; remove it"}},
		{"user", []edit{add("user: nobody")}, []string{"lab.yml:18:11: services.server.user: a host's agent starts the program as an ordinary user; remove it"}},
		{"aliases", []edit{{serverHome, "home: {ipv4_address: 10.12.0.10, aliases: [a]}"}}, []string{"lab.yml:19:40: services.server.networks.home.aliases: a lab's host has no name server; write names and addresses under extra_hosts"}},
		{"internal", []edit{{"  home:\n    ipam", "  home:\n    internal: true\n    ipam"}}, []string{"lab.yml:39:5: networks.home.internal: Docker drops what a router forwards to an internal network; remove it"}},
		{"external", []edit{{"  home:\n    ipam:\n      config:\n        - subnet: 10.12.0.0/24", "  home:\n    external: true"}}, []string{"lab.yml:39:5: networks.home.external: a lab cannot honour it; remove it"}},
		{"ip_range", []edit{{homeSubnet, homeSubnet + "\n          ip_range: 10.12.0.0/26"}}, []string{"lab.yml:42:11: networks.home.ipam.config[0].ip_range: a lab cannot honour it; remove it"}},
		{"ipv6_address", []edit{{serverHome, `home: {ipv4_address: 10.12.0.10, ipv6_address: "fd00::1"}`}}, []string{"lab.yml:19:54: services.server.networks.home.ipv6_address: the network home has no IPv6 subnet; give it one and enable_ipv6: true, or remove this"}},
		{"service's MAC address", []edit{add(`mac_address: "02:00:5e:00:00:01"`)}, []string{"lab.yml:18:5: services.server.mac_address: which interface it is for is not said; write it beside the ipv4_address under networks"}},
	})
}

// Addresses are checked, as neither Compose nor the loader does it before Docker.
func TestSubnetsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"driver", []edit{{"  home:\n    ipam", "  home:\n    driver: macvlan\n    ipam"}}, []string{`lab.yml:39:13: networks.home.driver: a subnet is a bridge; remove "macvlan"`}},
		{"ipam driver", []edit{{"  home:\n    ipam:\n", "  home:\n    ipam:\n      driver: dhcp\n"}}, []string{"lab.yml:40:7: networks.home.ipam.driver: a lab cannot honour it; remove it"}},
		{"outside", []edit{{serverHome, "home: {ipv4_address: 10.12.1.11}"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: 10.12.1.11 is not in the subnet 10.12.0.0/24"}},
		{"network address", []edit{{serverHome, "home: {ipv4_address: 10.12.0.0}"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: 10.12.0.0 is the first or the last address of 10.12.0.0/24, and those are no host's (RFC 919)"}},
		{"broadcast", []edit{{serverHome, "home: {ipv4_address: 10.12.0.255}"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: 10.12.0.255 is the first or the last address of 10.12.0.0/24, and those are no host's (RFC 919)"}},
		{"gateway", []edit{{serverHome, "home: {ipv4_address: 10.12.0.1}"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: 10.12.0.1 is the subnet's gateway, which Docker's bridge takes; use another"}},
		{"own gateway", []edit{{homeSubnet, homeSubnet + "\n          gateway: 10.12.0.10"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: 10.12.0.10 is the subnet's gateway, which Docker's bridge takes; use another"}},
		{"gateway outside", []edit{{homeSubnet, homeSubnet + "\n          gateway: 10.12.1.10"}}, []string{"lab.yml:42:20: networks.home.ipam.config[0].gateway: 10.12.1.10 is not in the subnet 10.12.0.0/24"}},
		{"bad gateway", []edit{{homeSubnet, homeSubnet + "\n          gateway: banana"}}, []string{`lab.yml:42:20: networks.home.ipam.config[0].gateway: "banana" is no IPv4 address; write one such as 10.12.0.2`}},
		{"address twice", []edit{{serverHome, "home: {ipv4_address: 10.12.0.254}"}}, []string{"lab.yml:19:28: services.server.networks.home.ipv4_address: router has the address 10.12.0.254 already"}},
		{"ipv6 address", []edit{{serverHome, `home: {ipv4_address: "fd00::1"}`}}, []string{`lab.yml:19:28: services.server.networks.home.ipv4_address: "fd00::1" is no IPv4 address; write one such as 10.12.0.2`}},
		{"no address at all", []edit{{serverHome, `home: {ipv4_address: banana}`}}, []string{`lab.yml:19:28: services.server.networks.home.ipv4_address: "banana" is no IPv4 address; write one such as 10.12.0.2`}},
		{"no subnet at all", []edit{{homeSubnet, "- subnet: banana"}}, []string{`lab.yml:41:19: networks.home.ipam.config[0].subnet: "banana" is no subnet; write one such as 10.12.0.0/24`}},
		{"ipv6 subnet", []edit{{homeSubnet, "- subnet: fd00::/64"}}, []string{"lab.yml:40:7: networks.home.ipam.config: a network of a lab has an IPv4 subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}, or with IPv6 as well [{subnet: 10.12.0.0/24}, {subnet: 'fd12::/64'}]"}},
		{"not canonical", []edit{{homeSubnet, "- subnet: 10.12.0.1/24"}}, []string{"lab.yml:41:19: networks.home.ipam.config[0].subnet: 10.12.0.1/24 has bits set behind its length; it should be 10.12.0.0/24"}},
		{"too long", []edit{{homeSubnet, "- subnet: 10.12.0.0/31"}}, []string{"lab.yml:41:19: networks.home.ipam.config[0].subnet: 10.12.0.0/31 has no room for hosts; its length may be /30 at the most"}},
		{"too short", []edit{{homeSubnet, "- subnet: 0.0.0.0/0"}}, []string{"lab.yml:41:19: networks.home.ipam.config[0].subnet: 0.0.0.0/0 is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8"}},
		{"loopback", []edit{{homeSubnet, "- subnet: 127.0.0.0/24"}}, []string{"lab.yml:41:19: networks.home.ipam.config[0].subnet: 127.0.0.0/24 is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8"}},
		{"overlap", []edit{{"- subnet: 10.12.1.0/24", "- subnet: 10.12.0.0/16"}}, []string{"lab.yml:41:19: networks.home.ipam.config[0].subnet: 10.12.0.0/24 overlaps 10.12.0.0/16 of the network cafe"}},
		{"two subnets", []edit{{homeSubnet, homeSubnet + "\n        - subnet: 10.14.0.0/24"}}, []string{"lab.yml:42:19: networks.home.ipam.config[1].subnet: the network has the subnet 10.12.0.0/24 already; give each subnet a network of its own"}},
		{"no subnet", []edit{{"  home:\n    ipam:\n      config:\n        - subnet: 10.12.0.0/24\n", "  home:\n"}}, []string{"lab.yml:38:3: networks.home.ipam.config: a network of a lab has an IPv4 subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}, or with IPv6 as well [{subnet: 10.12.0.0/24}, {subnet: 'fd12::/64'}]"}},
		{"no networks", []edit{{"    networks:\n      " + serverHome + "\n", ""}}, []string{"lab.yml:15:3: services.server: it is on no network, and Compose would put it on one without a subnet; put it on a network with a subnet, or write network_mode: none"}},
		{"host network", []edit{{"    networks:\n      " + serverHome + "\n", "    network_mode: host\n"}}, []string{`lab.yml:18:19: services.server.network_mode: a host has its own network stack; remove "host" and put it on networks`}},
		{"none and networks", []edit{add("network_mode: none")}, []string{"lab.yml:18:19: services.server.network_mode: the service has networks as well; remove one or the other"}},
		{"no hosts", []edit{{"    networks:\n      " + serverHome + "\n", "    network_mode: none\n"}, {"    networks:\n      " + routerHome + "\n      cafe:\n        ipv4_address: 10.12.1.254\n", "    network_mode: none\n"}, {"    networks:\n      " + clientCafe + "\n", "    network_mode: none\n"}}, []string{
			`lab.yml:6:13: x-lab.clients.client1: no host is called "client1"; there are none`,
			"lab.yml:14:1: services: a lab has at least one host, a service that is on a network",
		}},
		{"no address", []edit{{serverHome, "home: {}"}}, []string{"lab.yml:19:7: services.server.networks.home: it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address"}},
		{"no address list", []edit{{"networks:\n      " + serverHome, "networks: [home]"}}, []string{"lab.yml:18:16: services.server.networks.home: it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address"}},
		{"unknown network", []edit{{serverHome, "hom: {ipv4_address: 10.12.0.10}"}}, []string{`lab.yml:19:7: services.server.networks.hom: no network is called "hom"; did you mean home?`}},
		{"MAC address", []edit{{serverHome, "home: {ipv4_address: 10.12.0.10, mac_address: banana}"}}, []string{`lab.yml:19:53: services.server.networks.home.mac_address: "banana" is no Ethernet address; write one such as 02:42:0a:0c:00:0a`}},
	})
}

// x-lab is read strictly.
func TestExperimentProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"lab unknown", []edit{lab("  limit: 1m\n  banana: 1\n")}, []string{"lab.yml:6:3: x-lab.banana: there is no such key here; there are claims, clients, explanation, limit, name, question, steps"}},
		{"lab clients twice", []edit{{"  clients: [client1]\n", "  clients: [client1, client1]\n"}}, []string{"lab.yml:6:22: x-lab.clients.client1: it is named twice; remove one"}},
		{"lab clients unknown", []edit{{"  clients: [client1]\n", "  clients:\n    - client1\n    - client2\n"}}, []string{`lab.yml:8:7: x-lab.clients.client2: no host is called "client2"; did you mean client1?`}},
		{"lab claims text", []edit{{claims, "  claims: one-port\n"}}, []string{"lab.yml:7:11: x-lab.claims: claims are a mapping, of names to what is claimed, as one-port: {of: 'server:12000'}"}},
		{"lab claims list", []edit{{claims, "  claims: [one-port]\n"}}, []string{"lab.yml:7:3: x-lab.claims: claims are a mapping, of names to what is claimed, as one-port: {of: 'server:12000'}"}},
		{"lab limit", []edit{lab("  limit: 60\n")}, []string{"lab.yml:5:10: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s"}},
		{"lab limit neg", []edit{lab("  limit: -5s\n")}, []string{"lab.yml:5:10: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s"}},
		{"lab name", []edit{{"name: small", "name: ../small"}}, []string{`lab.yml:3:9: x-lab.name: "../small" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit`}},
		{"lab name list", []edit{{"name: small", "name: [small]"}}, []string{"lab.yml:3:3: x-lab.name: it must be text"}},
		{"lab list", []edit{{"x-lab:\n", "x-old:\n"}, top("x-lab: [a]\n")}, []string{"lab.yml:14:1: x-lab: it must be a mapping"}},
		{"masquerade host", []edit{add("x-lab: {masquerade: [home]}")}, []string{`lab.yml:18:13: services.server.x-lab.masquerade: only a router translates addresses; give it several networks and sysctls: {net.ipv4.ip_forward: "1"}`}},
		{"masquerade subnet", []edit{{"    sysctls:\n", "    x-lab: {masquerade: [office]}\n    sysctls:\n"}}, []string{"lab.yml:22:26: services.router.x-lab.masquerade.office: the host is on no such subnet"}},
		{"service unknown", []edit{add("x-lab: {mask: [home]}")}, []string{"lab.yml:18:13: services.server.x-lab.mask: there is no such key here; there are capture-after, masquerade, masquerade-ports, port-forward, programs, ready"}},
		{"capture-after", []edit{add("x-lab: {capture-after: -1s}")}, []string{"lab.yml:18:28: services.server.x-lab.capture-after: it must be a duration such as 30s or 2m, and at least 0s"}},
		{"no x-lab", []edit{{"x-lab:\n", "x-old:\n"}}, []string{"lab.yml: it is no lab; add what a lab asks and claims, for instance x-lab: {claims: {one-port: {of: 'SERVICE:12000'}}}"}},
		{"several unknown in x-lab", []edit{lab("  limit: 1m\n  banana: 1\n  apple: 1\n")}, []string{
			"lab.yml:6:3: x-lab.banana: there is no such key here; there are claims, clients, explanation, limit, name, question, steps",
			"lab.yml:7:3: x-lab.apple: there is no such key here; there are claims, clients, explanation, limit, name, question, steps",
		}},
		{"ready", []edit{add("x-lab: {ready: soon}")}, []string{"lab.yml:18:20: services.server.x-lab.ready: it must be event, socket, started, exit, or a duration such as 2s"}},
		{"ready before the start", []edit{add("x-lab: {ready: -1s}")}, []string{"lab.yml:18:20: services.server.x-lab.ready: it must be event, socket, started, exit, or a duration such as 2s"}},
		{"ready without a program", []edit{{"    sysctls:\n", "    x-lab: {ready: exit}\n    sysctls:\n"}}, []string{"lab.yml:22:20: services.router.x-lab.ready: the host has no program that could be ready; give it a command"}},
		{"tag", []edit{{"question: Is the port the same?", "question: !is"}}, []string{"lab.yml:4:13: x-lab.question: YAML takes !is for a tag and not for text; put the whole value in quotes"}},
		{"no value", []edit{lab("  limit: {server, 12000}\n")}, []string{
			"lab.yml:5:11: x-lab.limit.server: it has no value; give it one, and put text with commas or colons in quotes",
			"lab.yml:5:19: x-lab.limit.12000: it has no value; give it one, and put text with commas or colons in quotes",
		}},
		{"network x-lab", []edit{{"  home:\n    ipam", "  home:\n    x-lab: {a: b}\n    ipam"}}, []string{"lab.yml:39:5: networks.home.x-lab: it has a meaning in services and at the top only; remove it"}},
	})
}

// Whatever is wrong with the text itself has a line, too.
func TestTextProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"an alias within itself", []edit{{"  read_only: true\n", "  read_only: true\n  x-more:\n    a: *host\n"}}, []string{"lab.yml:14:8: anchor 'host' value contains itself"}},
		{"no text", []edit{add("hostname: \xff")}, []string{"lab.yml:18: the line is not UTF-8 text"}},
		{"a merge of itself", []edit{{"  read_only: true\n", "  read_only: true\n  <<: *host\n"}}, []string{"lab.yml:13:7: anchor 'host' value contains itself"}},
		{"too many aliases", []edit{top(bomb("[*%s, *%s]"))}, []string{"lab.yml: document contains excessive aliasing"}},
		{"too many merges", []edit{top(bomb("{<<: [*%s, *%s]}"))}, []string{"lab.yml: document contains excessive aliasing"}},
		{"several", []edit{add("ports: [80]"), {serverHome, "home: {ipv4_address: 10.12.0.1}"}, {"limit: 1m", "limit: 0"}}, []string{
			"lab.yml:5:10: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s",
			"lab.yml:18:5: services.server.ports: a lab's host has no way out of the lab; remove it",
			"lab.yml:20:28: services.server.networks.home.ipv4_address: 10.12.0.1 is the subnet's gateway, which Docker's bridge takes; use another",
		}},
		{"variable", []edit{add("environment: {A: 'x${LAB_X}'}")}, []string{"lab.yml:18:22: services.server.environment.A: the variable LAB_X is not set; set it, or give a default: ${LAB_X:-…}"}},
		{"variable required", []edit{add("environment: {A: '${LAB_X:?say it}'}")}, []string{"lab.yml:18:22: services.server.environment.A: required variable LAB_X is missing a value: say it"}},
		{"variable wrong", []edit{add("environment: {A: '${LAB X}'}")}, []string{`lab.yml:18:22: services.server.environment.A: "${LAB X}" is no variable; write $$ for a dollar sign`}},
		{"variable cast", []edit{add("tty: '${LAB_X:-banana}'")}, []string{"lab.yml:18:10: services.server.tty: failed to cast to expected type: invalid boolean: banana"}},
		{"NUL", []edit{add(`environment: {A: "a\0b"}`)}, []string{"lab.yml:18:22: services.server.environment.A: it has a NUL character, which no program can be given"}},
		{"syntax", []edit{{"services:\n", "services\n"}}, []string{"lab.yml:14: a key has a colon after it, and here is none; give it one"}},
		{"tab", []edit{add("\ttty: true")}, []string{"lab.yml:18:5: a tab cannot stand here; YAML is indented with spaces"}},
		{"duplicate key", []edit{add("command: [b]")}, []string{`lab.yml:18:5: mapping key "command" already defined at line 17; remove one`}},
		{"second document", []edit{{"\nnetworks:\n", "\n---\nnetworks:\n"}}, []string{"lab.yml:37: a second YAML document begins here; a lab is one document"}},
		{"text for a mapping", []edit{add("environment: 5")}, []string{"lab.yml:18:18: services.server.environment: must be a mapping"}},
		{"null services", []edit{{"  server:\n    <<: *host", "  nobody:\n  server:\n    <<: *host"}}, []string{"lab.yml:15:3: services.nobody: must be a mapping"}},
		{"unknown anchor", []edit{add("cap_add: *nobody")}, []string{"lab.yml:18:14: YAML takes *nobody for an alias, and there is no anchor &nobody; put text that begins with * in quotes"}},
		{"volume syntax", []edit{add(`volumes: [""]`)}, []string{"lab.yml: invalid empty volume spec"}},
	})
}

// bomb has 40 anchors, each of which has the one before twice.
func bomb(twice string) string {
	var text strings.Builder
	text.WriteString("x-a0: &a0 {}\n")
	for i := range 40 {
		before := fmt.Sprintf("a%d", i)
		fmt.Fprintf(&text, "x-a%d: &a%d "+twice+"\n", i+1, i+1, before, before)
	}
	return text.String()
}
