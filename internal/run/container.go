package run

// Capabilities are what a host's agent needs in a container, and no more:
// NET_ADMIN sets routes, NET_RAW captures, SETUID, SETGID and SETPCAP start the
// program as an ordinary user without any capability, KILL stops it.
var Capabilities = []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL"}

// Routed are the options of a lab's networks. Docker 28 and newer drop what one
// bridge network routes to another, unless the networks are in routed mode; and
// Docker's own masquerading would replace the clients' addresses by a bridge's
// on the way. Both must be off whatever the lab says, or its result would be
// one about Docker.
var Routed = map[string]string{
	"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
	"com.docker.network.bridge.enable_ip_masquerade": "false",
}
