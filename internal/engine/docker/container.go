package docker

import (
	"maps"
	"net"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// runFolder is where a container finds the run folder, as in
// docker-compose.yml.
const runFolder = "/runs/compose"

// What a host's agent needs, and no more: NET_ADMIN sets routes, NET_RAW
// captures, SETUID, SETGID and SETPCAP start the program as an ordinary user
// without any capability, KILL stops it, DAC_OVERRIDE and CHOWN leave the run
// to the user whose folder it is.
var (
	hostCapabilities      = []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL", "DAC_OVERRIDE", "CHOWN"}
	conductorCapabilities = []string{"DAC_OVERRIDE", "CHOWN"}
)

// confined is what every container of a run has in common. A mount, unlike a
// "bind" of the older kind, is refused where the folder does not exist: on
// another machine, or not shared with Docker Desktop.
func (r *labRun) confined(capabilities []string) *container.HostConfig {
	return &container.HostConfig{
		CapDrop:        []string{"ALL"},
		CapAdd:         capabilities,
		SecurityOpt:    []string{"no-new-privileges:true"},
		ReadonlyRootfs: true,
		Mounts:         []mount.Mount{{Type: mount.TypeBind, Source: r.folder, Target: runFolder}},
	}
}

// hostContainer is the container of a host, with its endpoints on these of its
// links.
func (r *labRun) hostContainer(h topology.Host, links []topology.Link) client.ContainerCreateOptions {
	host := r.confined(hostCapabilities)
	host.Sysctls = h.Sysctls
	host.ExtraHosts = extraHosts(h)
	endpoints := make(map[string]*network.EndpointSettings)
	for _, l := range links {
		endpoints[objectName(r.id, l.Subnet)] = endpointOf(h, l)
	}
	if len(links) > 0 {
		host.NetworkMode = container.NetworkMode(objectName(r.id, links[0].Subnet))
	}
	return client.ContainerCreateOptions{
		Name: objectName(r.id, h.Name),
		Config: &container.Config{
			Hostname:   h.Hostname,
			Image:      h.Image,
			Entrypoint: []string{"/lab", "host", "--"},
			Cmd:        h.Program,
			Env:        h.Environment,
			WorkingDir: h.WorkingDirectory,
			StopSignal: h.StopSignal,
			Labels:     partLabels(r.id, h.Name),
		},
		HostConfig:       host,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: endpoints},
	}
}

// endpointOf gives the host its address, and its name on that subnet.
func endpointOf(h topology.Host, l topology.Link) *network.EndpointSettings {
	e := &network.EndpointSettings{
		IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: l.Address.Addr()},
		Aliases:    []string{h.Name},
	}
	if mac, err := net.ParseMAC(l.MAC); err == nil {
		e.MacAddress = network.HardwareAddr(mac)
	}
	return e
}

func extraHosts(h topology.Host) []string {
	var hosts []string
	for _, name := range slices.Sorted(maps.Keys(h.ExtraHosts)) {
		for _, address := range h.ExtraHosts[name] {
			hosts = append(hosts, name+":"+address.String())
		}
	}
	return hosts
}

// conductorContainer is the container of the conductor, led by its standard
// streams.
func (r *labRun) conductorContainer(hold bool) client.ContainerCreateOptions {
	host := r.confined(conductorCapabilities)
	host.NetworkMode = network.NetworkNone
	command := []string{"/lab", "conduct", LedByInput, runFolder}
	if hold {
		command = append(command, "--hold")
	}
	return client.ContainerCreateOptions{
		Name: conductorName(r.id),
		Config: &container.Config{
			Image:       serverImage,
			Entrypoint:  command,
			OpenStdin:   true,
			StdinOnce:   true,
			AttachStdin: true, AttachStdout: true, AttachStderr: true,
			Labels: partLabels(r.id, conductorPart),
		},
		HostConfig: host,
	}
}
