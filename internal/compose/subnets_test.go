package compose_test

import "testing"

// Addresses are checked, as neither Compose nor the loader does it before Docker.
func TestSubnetsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{
			name:  "driver",
			edits: []edit{{"  home:\n    ipam", "  home:\n    driver: macvlan\n    ipam"}},
			want: []string{
				"lab.yml:39: networks.home.driver: a subnet is a bridge; remove \"macvlan\"",
			},
		},
		{
			name:  "ipam driver",
			edits: []edit{{"  home:\n    ipam:\n", "  home:\n    ipam:\n      driver: dhcp\n"}},
			want: []string{
				"lab.yml:40: networks.home.ipam.driver: every host names its own address; remove \"dhcp\"",
			},
		},
		{
			name:  "outside",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.1.11}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: 10.12.1.11 is not in the subnet 10.12.0.0/24",
			},
		},
		{
			name:  "network address",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.0}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: 10.12.0.0 is the address of the subnet 10.12.0.0/24 itself",
			},
		},
		{
			name:  "broadcast",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.255}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: 10.12.0.255 is the broadcast address of the subnet 10.12.0.0/24",
			},
		},
		{
			name:  "gateway",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.1}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: 10.12.0.1 is the subnet's gateway, which Docker's bridge takes; use another",
			},
		},
		{
			name:  "own gateway",
			edits: []edit{{homeSubnet, homeSubnet + "\n          gateway: 10.12.0.10"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: 10.12.0.10 is the subnet's gateway, which Docker's bridge takes; use another",
			},
		},
		{
			name:  "gateway outside",
			edits: []edit{{homeSubnet, homeSubnet + "\n          gateway: 10.12.1.10"}},
			want: []string{
				"lab.yml:42: networks.home.ipam.config[0].gateway: 10.12.1.10 is not in the subnet 10.12.0.0/24",
			},
		},
		{
			name:  "bad gateway",
			edits: []edit{{homeSubnet, homeSubnet + "\n          gateway: banana"}},
			want: []string{
				"lab.yml:42: networks.home.ipam.config[0].gateway: \"banana\" is no address; write one such as 10.12.0.2",
			},
		},
		{
			name:  "address twice",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.254}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: router has the address 10.12.0.254 already",
			},
		},
		{
			name:  "ipv6 address",
			edits: []edit{{serverHome, `home: {ipv4_address: "fd00::1"}`}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: fd00::1 is IPv6, and a lab is IPv4 only",
			},
		},
		{
			name:  "no address at all",
			edits: []edit{{serverHome, `home: {ipv4_address: banana}`}},
			want: []string{
				"lab.yml:19: services.server.networks.home.ipv4_address: \"banana\" is no address; write one such as 10.12.0.2",
			},
		},
		{
			name:  "no subnet at all",
			edits: []edit{{homeSubnet, "- subnet: banana"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: \"banana\" is no subnet; write one such as 10.12.0.0/24",
			},
		},
		{
			name:  "ipv6 subnet",
			edits: []edit{{homeSubnet, "- subnet: fd00::/64"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: fd00::/64 is IPv6, and a lab is IPv4 only",
			},
		},
		{
			name:  "not canonical",
			edits: []edit{{homeSubnet, "- subnet: 10.12.0.1/24"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: 10.12.0.1/24 has bits set behind its length; it should be 10.12.0.0/24",
			},
		},
		{
			name:  "too long",
			edits: []edit{{homeSubnet, "- subnet: 10.12.0.0/31"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: the length of 10.12.0.0/31 must be from /8 to /30",
			},
		},
		{
			name:  "too short",
			edits: []edit{{homeSubnet, "- subnet: 0.0.0.0/0"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: the length of 0.0.0.0/0 must be from /8 to /30",
			},
		},
		{
			name:  "loopback",
			edits: []edit{{homeSubnet, "- subnet: 127.0.0.0/24"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: 127.0.0.0/24 is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8",
			},
		},
		{
			name:  "overlap",
			edits: []edit{{"- subnet: 10.12.1.0/24", "- subnet: 10.12.0.0/16"}},
			want: []string{
				"lab.yml:41: networks.home.ipam.config[0].subnet: 10.12.0.0/24 overlaps 10.12.0.0/16 of the network cafe",
			},
		},
		{
			name:  "two subnets",
			edits: []edit{{homeSubnet, homeSubnet + "\n        - subnet: 10.14.0.0/24"}},
			want: []string{
				"lab.yml:40: networks.home.ipam.config: a network of a lab has exactly one subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}",
			},
		},
		{
			name:  "no subnet",
			edits: []edit{{"  home:\n    ipam:\n      config:\n        - subnet: 10.12.0.0/24\n", "  home:\n"}},
			want: []string{
				"lab.yml:38: networks.home.ipam.config: a network of a lab has exactly one subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}",
			},
		},
		{
			name:  "no networks",
			edits: []edit{{"    networks:\n      " + serverHome + "\n", ""}},
			want: []string{
				"lab.yml:15: services.server: it is on no network, and Compose would put it on one without a subnet; put it on a network with a subnet, or write network_mode: none",
			},
		},
		{
			name:  "host network",
			edits: []edit{{"    networks:\n      " + serverHome + "\n", "    network_mode: host\n"}},
			want: []string{
				"lab.yml:18: services.server.network_mode: a host has its own network stack; remove \"host\" and put it on networks",
			},
		},
		{
			name:  "none and networks",
			edits: []edit{add("network_mode: none")},
			want: []string{
				"lab.yml:5: x-lab.server: no host is called \"server\"",
				"lab.yml:18: services.server.network_mode: the service has networks as well; remove one or the other",
			},
		},
		{
			name:  "no hosts",
			edits: []edit{{"    networks:\n      " + serverHome + "\n", "    network_mode: none\n"}, {"    networks:\n      " + routerHome + "\n      cafe:\n        ipv4_address: 10.12.1.254\n", "    network_mode: none\n"}, {"    networks:\n      " + clientCafe + "\n", "    network_mode: none\n"}},
			want: []string{
				"lab.yml:5: x-lab.server: no host is called \"server\"",
				"lab.yml:7: x-lab.clients.client1: no host is called \"client1\"",
				"lab.yml:14: services: a lab has at least one host, a service that is on a network",
			},
		},
		{
			name:  "no address",
			edits: []edit{{serverHome, "home: {}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home: it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address",
			},
		},
		{
			name:  "no address list",
			edits: []edit{{"networks:\n      " + serverHome, "networks: [home]"}},
			want: []string{
				"lab.yml:18: services.server.networks.home: it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address",
			},
		},
		{
			name:  "unknown network",
			edits: []edit{{serverHome, "hom: {ipv4_address: 10.12.0.10}"}},
			want: []string{
				"lab.yml:19: services.server.networks.hom: no network is called \"hom\"",
			},
		},
		{
			name:  "MAC address",
			edits: []edit{{serverHome, "home: {ipv4_address: 10.12.0.10, mac_address: banana}"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.mac_address: \"banana\" is no Ethernet address; write one such as 02:42:0a:0c:00:0a",
			},
		},
		{
			name:  "multicast MAC address",
			edits: []edit{{serverHome, `home: {ipv4_address: 10.12.0.10, mac_address: "01:00:5e:00:00:01"}`}},
			want: []string{
				"lab.yml:19: services.server.networks.home.mac_address: 01:00:5e:00:00:01 cannot be one interface's; its first byte must be even, and not all may be 0",
			},
		},
		{
			name:  "same MAC address",
			edits: []edit{{serverHome, `home: {ipv4_address: 10.12.0.10, mac_address: "02:00:5e:00:00:01"}`}, {routerHome, routerHome + "\n        mac_address: 02-00-5E-00-00-01"}},
			want: []string{
				"lab.yml:19: services.server.networks.home.mac_address: router has the Ethernet address 02:00:5e:00:00:01 already",
			},
		},
	})
}
