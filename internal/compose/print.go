package compose

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// judge is the service that a complete Compose file has beside its hosts.
const judge = "judge"

// Print writes a lab as a complete Compose file, to be saved as
// docker-compose.yml in a clone of the project: with the images and how they are
// built, what a container's agent may do and by what it reaches the judge, and
// networks that Docker routes and does not translate. The repository's own
// docker-compose.yml says why each of these is so. Read again it is the same
// lab.
func Print(lab *topology.Lab) ([]byte, error) {
	if _, taken := lab.Host(judge); taken {
		return nil, fmt.Errorf("print %s: a host is called %s, as the service is that judges a run; rename it", lab.Name, judge)
	}
	var text bytes.Buffer
	if err := complete.Execute(&text, lab); err != nil {
		return nil, fmt.Errorf("print %s: %w", lab.Name, err)
	}
	return text.Bytes(), nil
}

// complete is the file. What a lab may leave unsaid is left unsaid.
var complete = template.Must(template.New("compose").Funcs(template.FuncMap{
	"lab":          printLab,
	"text":         scalar,
	"list":         flow,
	"before":       func(first string, rest []string) []string { return append([]string{first}, rest...) },
	"saysReady":    func(h topology.Host) bool { return h.Ready != ready(h.Program, topology.Ready{}) },
	"defaultStop":  func() string { return defaultStopSignal },
	"defaultGrace": func() any { return defaultStopGrace },
	"capabilities": func() []string { return run.Capabilities },
	"routed":       func() map[string]string { return run.Routed },
	"routed6":      func() map[string]string { return run.Routed6 },
	"foreign":      foreign,
	"anyForeign":   func(lab *topology.Lab) bool { return slices.ContainsFunc(lab.Hosts, foreign) },
	"agentFolder":  func() string { return run.AgentFolder },
	"agentUser":    func() string { return agentUser },
}).Parse(`{{lab .}}
services:
{{- range .Hosts}}
  {{text .Name}}:
    image: {{text (or .Image "fourtuple/server")}}
{{- if eq (or .Image "fourtuple/server") "fourtuple/server"}}
    build: {context: ., dockerfile: Dockerfile.server}{{end}}
{{- if eq .Image "fourtuple/client"}}
    build: {context: ., dockerfile: Dockerfile.client}{{end}}
{{- if foreign .}}
    user: "{{agentUser}}"
    healthcheck: {disable: true}
    entrypoint: [{{agentFolder}}/lab, host, {{text .Name}}]
{{- else}}
    entrypoint: [/lab, host, {{text .Name}}]{{end}}
{{- with .Program}}
    command: {{list .}}{{end}}
    depends_on: {{list (before "judge" .DependsOn)}}
{{- if ne .Hostname .Name}}
    hostname: {{text .Hostname}}{{end}}
{{- with .Environment}}
    environment: {{list .}}{{end}}
{{- with .WorkingDirectory}}
    working_dir: {{text .}}{{end}}
{{- if ne .StopSignal defaultStop}}
    stop_signal: {{.StopSignal}}{{end}}
{{- if ne .StopGrace defaultGrace}}
    stop_grace_period: {{.StopGrace}}{{end}}
{{- with .Sysctls}}
    sysctls:{{range $name, $value := .}}
      {{$name}}: {{text $value}}{{end}}{{end}}
{{- with .ExtraHosts}}
    extra_hosts:{{range $name, $addresses := .}}{{range $addresses}}
      - {{text (printf "%s:%s" $name .)}}{{end}}{{end}}{{end}}
{{- if or .Masquerade .PortForwards .CaptureAfter .Programs (saysReady .)}}
    x-lab:
{{- with .Masquerade}}
      masquerade: {{list .}}{{end}}
{{- with .MasqueradePorts}}
      masquerade-ports: {{text .}}{{end}}
{{- with .PortForwards}}
      port-forward:{{range .}}
        - {{text (printf "%d:%s" .Port .To)}}{{end}}{{end}}
{{- with .CaptureAfter}}
      capture-after: {{.}}{{end}}
{{- with .Programs}}
      programs:{{range .}}
        {{text .Name}}: {{list .Args}}{{end}}{{end}}
{{- if saysReady .}}
      ready: {{if eq .Ready.When "after"}}{{.Ready.After}}{{else}}{{.Ready.When}}{{end}}{{end}}{{end}}
    networks:
{{- range .Links}}
      {{text .Subnet}}: {ipv4_address: {{.Address.Addr}}{{if .Address6.IsValid}}, ipv6_address: "{{.Address6.Addr}}"{{end}}{{with .MAC}}, mac_address: "{{.}}"{{end}}}{{end}}
    init: true
    cap_drop: [ALL]
    cap_add: {{list capabilities}}
    security_opt: [no-new-privileges]
{{- if foreign .}}
    volumes: ["control:/control", "agent:{{agentFolder}}:ro"]
{{- else}}
    read_only: true
    volumes: ["control:/control"]{{end}}
{{end}}
  judge:
    image: fourtuple/judge
    build: {context: ., dockerfile: Dockerfile.server, target: judge}
    entrypoint: [/lab, run, /lab.yml, --engine, compose, --out, /runs/compose]
    network_mode: none
    userns_mode: host
    init: true
    cap_drop: [ALL]
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER]
    security_opt: [no-new-privileges]
    read_only: true
    volumes: ["control:/control", "./runs:/runs", "./docker-compose.yml:/lab.yml:ro"
{{- if anyForeign .}}, "agent:{{agentFolder}}"{{end}}]

volumes:
  control:
{{- if anyForeign .}}
  agent:{{end}}

networks:
{{- range .Subnets}}
  {{text .Name}}:
    driver: bridge
    driver_opts:
{{- range $name, $value := routed}}
      {{$name}}: {{text $value}}{{end}}
{{- if .Prefix6.IsValid}}{{range $name, $value := routed6}}
      {{$name}}: {{text $value}}{{end}}{{end}}
{{- range $name, $value := .DriverOptions}}
      {{text $name}}: {{text $value}}{{end}}
{{- if .Prefix6.IsValid}}
    enable_ipv6: true{{end}}
    ipam: {config: [{subnet: {{.Prefix}}{{if ne .Gateway .Prefix.Addr.Next}}, gateway: {{.Gateway}}{{end}}}
{{- if .Prefix6.IsValid}}, {subnet: "{{.Prefix6}}"{{if ne .Gateway6 .Prefix6.Addr.Next}}, gateway: "{{.Gateway6}}"{{end}}}{{end}}]}
{{- end}}
`))

// foreign tells whether a host's image is not one of ours. Its agent is in the
// volume agent, which Compose fills from the judge's image, as the judge's
// container is made before any other.
func foreign(h topology.Host) bool { return h.Image != "" && !run.IsOurs(h.Image) }

// flow writes texts as a YAML list in one line, with $ doubled, so that it is no
// variable.
func flow(texts []string) (string, error) {
	var list yaml.Node
	if err := list.Encode(texts); err != nil {
		return "", err
	}
	list.Style = yaml.FlowStyle
	line, err := yaml.Marshal(&list)
	return strings.TrimSpace(strings.ReplaceAll(string(line), "$", "$$")), err
}

// scalar writes text as it stands in a list.
func scalar(text string) (string, error) {
	list, err := flow([]string{text})
	return strings.TrimSuffix(strings.TrimPrefix(list, "["), "]"), err
}
