package compose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// prompt makes the server a prompt for socket calls.
var prompt = edit{serverCommand, "    command: [socket]\n"}

// steps puts steps behind the claims, the first of them on line 10.
func steps(lines ...string) edit {
	return edit{claims, claims + "  steps:\n    - " + strings.Join(lines, "\n    - ") + "\n"}
}

// claim puts something else for the claim, on line 8.
func claim(lines string) edit { return edit{claims, "  claims:\n    " + lines + "\n"} }

// Mistakes that a person makes in steps.
func TestStepsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"step misspelt", []edit{steps("snapshoot: a")}, []string{`lab.yml:10:7: x-lab.steps[0].snapshoot: there is no step "snapshoot"; did you mean snapshot?`}},
		{"step unknown", []edit{steps("banana: a")}, []string{`lab.yml:10:7: x-lab.steps[0].banana: there is no step "banana"; there are cut, mend, signal, sleep, snapshot, start, stop, type, wait`}},
		{"step text", []edit{steps("start server")}, []string{"lab.yml:10:7: x-lab.steps[0]: a step is a word and what it is for, as start: server"}},
		{"step word only", []edit{steps("mend")}, []string{"lab.yml:10:7: x-lab.steps[0]: a step is a word and what it is for, as start: server"}},
		{"step no value", []edit{steps("start:")}, []string{"lab.yml:10:7: x-lab.steps[0].start: it has no value; give it one, and put text with commas or colons in quotes"}},
		{"two words", []edit{steps("start: server\n      stop: server")}, []string{"lab.yml:11:7: x-lab.steps[0].stop: a step is one word, and this one is start; put a - before stop"}},
		{"steps mapping", []edit{{claims, claims + "  steps: {start: server}\n"}}, []string{"lab.yml:9:3: x-lab.steps: steps are a list, as [{start: server}, {snapshot: started}]; without the key, programs are started by depends_on"}},
		{"steps empty", []edit{{claims, claims + "  steps: []\n"}}, []string{"lab.yml:9:3: x-lab.steps: steps are a list, as [{start: server}, {snapshot: started}]; without the key, programs are started by depends_on"}},
		{"steps override of no list", []edit{{"question: Is the port the same?", "question: !override a"}}, []string{"lab.yml:4:13: x-lab.question: YAML takes !override for a tag and not for text; put the whole value in quotes"}},
		{"start nobody", []edit{steps("start: serve")}, []string{`lab.yml:10:14: x-lab.steps[0].start: no host is called "serve"; did you mean server?`}},
		{"start among", []edit{steps("start: [server, clint1]")}, []string{`lab.yml:10:23: x-lab.steps[0].start[1]: no host is called "clint1"; did you mean client1?`}},
		{"start twice", []edit{steps("start: [server, server]")}, []string{"lab.yml:10:23: x-lab.steps[0].start[1]: it is named twice; remove one"}},
		{"start mapping", []edit{steps("start: {server: now}")}, []string{"lab.yml:10:7: x-lab.steps[0].start: it must be a program, HOST or HOST/NAME, or a list of them"}},
		{"start without a program", []edit{steps("start: router")}, []string{"lab.yml:10:14: x-lab.steps[0].start: router has no program; give the service a command"}},
		{"start unknown program", []edit{steps("start: server/one")}, []string{`lab.yml:10:14: x-lab.steps[0].start: server has no program "one"; name its programs under x-lab.programs in the service`}},
		{"start misspelt program", []edit{add("x-lab: {programs: {second: [socket], third: echo}}"), steps("start: server/secnd")}, []string{`lab.yml:10:14: x-lab.steps[0].start: server has no program "secnd"; did you mean second?`}},
		{"start option", []edit{steps("start: server\n      within: 5s")}, []string{"lab.yml:11:7: x-lab.steps[0].within: nothing stands beside start; indent what is below it, or remove this"}},
		{"type before start", []edit{steps("type: {server: listen 12000}")}, []string{"lab.yml:10:14: x-lab.steps[0].type.server: server has not been started by then; put start: server before it"}},
		{"type after stop", []edit{steps("start: server", "stop: server", "type: {server: listen 12000}")}, []string{"lab.yml:12:14: x-lab.steps[2].type.server: server has been stopped by then; put start: server before it"}},
		{"type no call", []edit{prompt, steps("start: server", "type: {server: [s = socket tcp, lisen s]}")}, []string{`lab.yml:11:39: x-lab.steps[1].type.server[1]: there is no call "lisen"; do you mean listen?`}},
		{"type no socket", []edit{prompt, steps("start: server", "type: {server: accept s}")}, []string{"lab.yml:11:22: x-lab.steps[1].type.server: there is no socket s: none has been made"}},
		{"type no host", []edit{prompt, steps("start: server", `type: {server: "connect clint1:80"}`)}, []string{`lab.yml:11:22: x-lab.steps[1].type.server: there is no host "clint1"; do you mean client1?`}},
		{"type after a new start", []edit{prompt, steps("start: server", "type: {server: s = socket tcp}", "stop: server", "start: server", "type: {server: close s}")}, []string{"lab.yml:14:22: x-lab.steps[4].type.server: there is no socket s: none has been made"}},
		{"type to two", []edit{steps("start: [server, client1]", "type: {server: a, client1: b}")}, []string{"lab.yml:11:7: x-lab.steps[1].type: it must be one key with its value, as type: {server: listen 12000 backlog 2}"}},
		{"type what", []edit{steps("start: server", "type: server")}, []string{"lab.yml:11:13: x-lab.steps[1].type: it must be one key with its value, as type: {server: listen 12000 backlog 2}"}},
		{"type comma", []edit{steps("start: server", "type: {server: send a, b}")}, []string{"lab.yml:11:30: x-lab.steps[1].type.b: it has no value; give it one, and put text with commas or colons in quotes"}},
		{"type tag", []edit{steps("start: server", "type: {server: !ok}")}, []string{"lab.yml:11:25: a ! begins a tag in YAML, and no text; put the whole value in quotes"}},
		{"type tag, in a block", []edit{steps("start: server", "type:\n        server: !ok")}, []string{"lab.yml:12:17: x-lab.steps[1].type.server: YAML takes !ok for a tag and not for text; put the whole value in quotes"}},
		{"type colon", []edit{steps("start: server", "type:\n        server:\n          connect: 10.12.0.10")}, []string{"lab.yml:12:9: x-lab.steps[1].type.server: it must be a line, or a list of lines; put text with a colon in quotes"}},
		{"type lines", []edit{steps("start: server", `type: {server: "a\nb"}`)}, []string{"lab.yml:11:22: x-lab.steps[1].type.server: one line is typed by a step; write a list of lines"}},
		{"type nobody", []edit{steps("start: server", "type: {servr: a}")}, []string{`lab.yml:11:14: x-lab.steps[1].type.servr: no host is called "servr"; did you mean server?`}},
		{"type as service", []edit{steps("start: server", "type: {server/: a}")}, []string{`lab.yml:11:14: x-lab.steps[1].type.server/: server has no program ""; name its programs under x-lab.programs in the service`}},
		{"wait for nobody", []edit{steps("wait: {serve.sockets: 'true'}")}, []string{`lab.yml:10:14: x-lab.steps[0].wait.serve.sockets: no host is called "serve"; did you mean server?`}},
		{"wait for no table", []edit{steps("wait: {server.socket: 'true'}")}, []string{`lab.yml:10:14: x-lab.steps[0].wait.server.socket: a host has no table "socket"; did you mean sockets?`}},
		{"wait for a host", []edit{steps("wait: {server: 'true'}")}, []string{"lab.yml:10:14: x-lab.steps[0].wait.server: a wait is for a row of a host's table; write HOST.TABLE, as server.sockets"}},
		{"wait for a joined table", []edit{steps("wait: {connections: 'true'}")}, []string{"lab.yml:10:14: x-lab.steps[0].wait.connections: a wait is for a row of a host's table; write HOST.TABLE, as server.sockets"}},
		{"wait for an unstarted program", []edit{steps("start: client1", "wait: {server.program: 'true'}")}, []string{"lab.yml:11:14: x-lab.steps[1].wait.server.program: no program of server has been started by then, so none tells anything; put start: server before it"}},
		{"wait option", []edit{steps("wait: {server.sockets: 'true'}\n      witin: 5s")}, []string{`lab.yml:11:7: x-lab.steps[0].witin: wait has no option "witin"; did you mean within?`}},
		{"wait option unknown", []edit{steps("wait: {server.sockets: 'true'}\n      times: 5")}, []string{`lab.yml:11:7: x-lab.steps[0].times: wait has no option "times"; there is within`}},
		{"wait within inside", []edit{steps("wait: {server.sockets: 'true', within: 5}")}, []string{"lab.yml:10:46: x-lab.steps[0].wait.within: it must be a duration such as 30s or 2m, and at least 1ms"}},
		{"wait for nothing", []edit{steps("wait: {within: 5s}")}, []string{`lab.yml:10:7: x-lab.steps[0].wait: it must be one key with its value, as wait: {server.sockets: 'state == "LISTEN"'}`}},
		{"wait within", []edit{steps("wait: {server.sockets: 'true'}\n      within: 5")}, []string{"lab.yml:11:15: x-lab.steps[0].within: it must be a duration such as 30s or 2m, and at least 1ms"}},
		{"wait too long", []edit{steps("wait: {server.sockets: 'true'}\n      within: 5m")}, []string{"lab.yml:11:15: x-lab.steps[0].within: 5m0s is longer than a run may take, 1m0s; raise x-lab.limit"}},
		{"snapshot twice", []edit{steps("snapshot: a", "snapshot: a")}, []string{"lab.yml:11:17: x-lab.steps[1].snapshot: a snapshot is called a already; claims could not tell them apart"}},
		{"snapshot name", []edit{steps("snapshot: a/b")}, []string{`lab.yml:10:17: x-lab.steps[0].snapshot: "a/b" cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit`}},
		{"snapshot list", []edit{steps("snapshot: [a]")}, []string{"lab.yml:10:7: x-lab.steps[0].snapshot: it must be text"}},
		{"signal unknown", []edit{steps("start: server", "signal: {server: STPO}")}, []string{`lab.yml:11:24: x-lab.steps[1].signal.server: "STPO" is no signal; did you mean STOP?`}},
		{"signal number", []edit{steps("start: server", "signal: {server: 9}")}, []string{`lab.yml:11:24: x-lab.steps[1].signal.server: "9" is no signal; there are ABRT, ALRM, BUS, CHLD, CONT, FPE, HUP, ILL, INT, IO, KILL, PIPE, PROF, PWR, QUIT, SEGV, STOP, SYS, TERM, TRAP, TSTP, TTIN, TTOU, URG, USR1, USR2, VTALRM, WINCH, XCPU, XFSZ`}},
		{"signal before start", []edit{steps("signal: {server: STOP}")}, []string{"lab.yml:10:16: x-lab.steps[0].signal.server: server has not been started by then; put start: server before it"}},
		{"stop before start", []edit{steps("start: client1", "stop: [client1, server]")}, []string{"lab.yml:11:23: x-lab.steps[1].stop[1]: server has not been started by then; put start: server before it"}},
		{"cut a host", []edit{steps("cut: {server: [home, cafe]}")}, []string{"lab.yml:10:13: x-lab.steps[0].cut.server: server is no router, so nothing between subnets goes over it"}},
		{"cut nobody", []edit{steps("cut: {routr: [home, cafe]}")}, []string{`lab.yml:10:13: x-lab.steps[0].cut.routr: no host is called "routr"; did you mean router?`}},
		{"cut one", []edit{steps("cut: {router: home}")}, []string{"lab.yml:10:21: x-lab.steps[0].cut.router: it must be a list of two subnets, as cut: {router: [home, cafe]}"}},
		{"cut misspelt", []edit{steps("cut: {router: [home, caffe]}")}, []string{`lab.yml:10:28: x-lab.steps[0].cut.router[1]: router is on no subnet "caffe"; did you mean cafe?`}},
		{"cut same", []edit{steps("cut: {router: [home, home]}")}, []string{"lab.yml:10:28: x-lab.steps[0].cut.router[1]: it is named twice; name two subnets"}},
		{"cut twice", []edit{steps("cut: {router: [home, cafe]}", "cut: {router: [cafe, home]}")}, []string{"lab.yml:11:13: x-lab.steps[1].cut.router: it is cut already"}},
		{"mend what is whole", []edit{steps("mend: {router: [home, cafe]}")}, []string{"lab.yml:10:14: x-lab.steps[0].mend.router: it is not cut by then; put a cut before it"}},
		{"sleep", []edit{steps("sleep: 300")}, []string{"lab.yml:10:14: x-lab.steps[0].sleep: it must be a duration such as 30s or 2m, and at least 1ms"}},
		{"sleep backwards", []edit{steps("sleep: -1s")}, []string{"lab.yml:10:14: x-lab.steps[0].sleep: it must be a duration such as 30s or 2m, and at least 1ms"}},
		{"sleep too long", []edit{steps("sleep: 61s")}, []string{"lab.yml:10:14: x-lab.steps[0].sleep: 1m1s is longer than a run may take, 1m0s; raise x-lab.limit"}},
		{"several steps", []edit{steps("start: serve", "snapshoot: a", "sleep: soon")}, []string{
			`lab.yml:10:14: x-lab.steps[0].start: no host is called "serve"; did you mean server?`,
			`lab.yml:11:7: x-lab.steps[1].snapshoot: there is no step "snapshoot"; did you mean snapshot?`,
			"lab.yml:12:14: x-lab.steps[2].sleep: it must be a duration such as 30s or 2m, and at least 1ms",
		}},
	})
}

// Mistakes in what else of the experiment is the file's.
func TestClaimsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"claim true", []edit{claim("one-port: true")}, []string{`lab.yml:8:15: x-lab.claims.one-port: a claim is a mapping, as {some: server.sockets, is: 'state == "LISTEN"'}, or of a macro's parameters, as {of: 'server:12000'}`}},
		{"claim a list", []edit{claim("one-port: [server]")}, []string{`lab.yml:8:5: x-lab.claims.one-port: a claim is a mapping, as {some: server.sockets, is: 'state == "LISTEN"'}, or of a macro's parameters, as {of: 'server:12000'}`}},
		{"claim nothing", []edit{claim("one-port:")}, []string{"lab.yml:8:5: x-lab.claims.one-port: it has no value; give it one, and put text with commas or colons in quotes"}},
		{"claim name", []edit{claim("'one port': {of: 'server:12000'}")}, []string{`lab.yml:8:5: x-lab.claims.one port: "one port" is no name for a claim; use letters, digits, - and _, and begin with a letter or digit`}},
		{"claim lost text", []edit{claim("a:\n      some: server.sockets\n      is: !ok")}, []string{"lab.yml:10:11: x-lab.claims.a.is: YAML takes !ok for a tag and not for text; put the whole value in quotes"}},
		{"claim comma", []edit{claim("a: {says: {en: yes, no}}")}, []string{"lab.yml:8:25: x-lab.claims.a.says.no: it has no value; give it one, and put text with commas or colons in quotes"}},
		{"start nobody, then type", []edit{steps("start: servr", "type: {server: listen 1}")}, []string{`lab.yml:10:14: x-lab.steps[0].start: no host is called "servr"; did you mean server?`}},
		{"start twice", []edit{add("x-lab: {programs: {p: [socket]}}"), steps("start: server/p", "start: server/p")}, []string{"lab.yml:11:14: x-lab.steps[1].start: server/p runs already; put stop: server/p before it"}},
		{"listen nowhere", []edit{add("x-lab: {programs: {p: [socket]}}"), steps("start: server/p", "type: {server/p: listen 120000}")}, []string{"lab.yml:11:24: x-lab.steps[1].type.server/p: 120000 is no port: the last one is 65535"}},
		{"type flow", []edit{steps("start: server", "type: {server: connect [fd12::10]:12000}")}, []string{"lab.yml:11:30: the text in {} or [] ends before this, and only a comma or a bracket may follow; put text with any of , : ? [ ] { } in quotes"}},
		{"type colon in braces", []edit{steps("start: server", "type: {server: w: close c}")}, []string{"lab.yml:11:23: the text in {} or [] ends before this, and only a comma or a bracket may follow; put text with any of , : ? [ ] { } in quotes"}},
		{"claim colon", []edit{claim("a:\n      is: x == a: b")}, []string{"lab.yml:9:17: a colon makes a key of what is before it, which cannot be one here; put text with colons in quotes, or mend the indentation"}},
		{"claim quotes", []edit{claim("a:\n      is: 'state == 'LISTEN''\n      n: 1")}, []string{"lab.yml:9:22: the text in quotes ends before this, and nothing may follow; put the whole value in quotes, of the other kind if it has some"}},
		{"claim quoted word", []edit{claim("a:\n      is: \"SYN\" in flags")}, []string{"lab.yml:9:17: the text in quotes ends before this, and nothing may follow; put the whole value in quotes, of the other kind if it has some"}},
		{"claim open quotes", []edit{claim("a:\n      is: \"x\n      n: 1")}, []string{"lab.yml:25:29: the text in quotes ends before this, and nothing may follow; put the whole value in quotes, of the other kind if it has some"}},
		{"claim %", []edit{claim("a:\n      is: %x")}, []string{"lab.yml:9:11: no text begins with this character in YAML; put the whole value in quotes"}},
		{"question mark", []edit{{"question: Is the port the same?", "question: {en: is it?, ko: x}"}}, []string{"lab.yml:4: the text in {} or [] ends before this, and only a comma or a bracket may follow; put text with any of , : ? [ ] { } in quotes"}},
		{"step indent", []edit{steps("start: server\n   - snapshot: a")}, []string{"lab.yml:11:4: it is not indented as what is above it"}},
		{"claim twice", []edit{claim("a: {of: b}\n    a: {of: c}")}, []string{`lab.yml:9:5: mapping key "a" already defined at line 8; remove one`}},
		{"claim variable", []edit{claim("a: {of: 'server:$PORT'}")}, []string{"lab.yml:8:13: x-lab.claims.a.of: the variable PORT is not set; set it, or give a default: ${PORT:-…}"}},
		{"question languages", []edit{{"question: Is the port the same?", "question: {en: a, fr: b}"}}, []string{"lab.yml:4:21: x-lab.question.fr: there is no such key here; there are en, ko"}},
		{"question list", []edit{{"question: Is the port the same?", "question: [a]"}}, []string{"lab.yml:4:3: x-lab.question: it must be text, or a mapping of languages to text, as {en: …, ko: …}"}},
		{"explanation", []edit{{"question: Is the port the same?", "explanation: {english: a}"}}, []string{"lab.yml:4:17: x-lab.explanation.english: there is no such key here; there are en, ko"}},
	})
}

func TestProgramsProblems(t *testing.T) {
	checkProblems(t, []problem{
		{"programs list", []edit{add("x-lab: {programs: [socket]}")}, []string{"lab.yml:18:13: services.server.x-lab.programs: programs are a mapping, of names to commands"}},
		{"programs name", []edit{add("x-lab: {programs: {a/b: socket}}"), steps("start: server")}, []string{`lab.yml:20:24: services.server.x-lab.programs.a/b: "a/b" cannot name a program; use at most 63 letters, digits, - and _, and begin with a letter or digit`}},
		{"programs command", []edit{add("x-lab: {programs: {a: {command: socket}}}"), steps("start: server")}, []string{"lab.yml:20:24: services.server.x-lab.programs.a: a command is text or a list, as [socket]"}},
		{"programs empty", []edit{add("x-lab: {programs: {a: '', b: []}}"), steps("start: server")}, []string{
			"lab.yml:20:27: services.server.x-lab.programs.a: the program's name is empty",
			"lab.yml:20:31: services.server.x-lab.programs.b: the program's name is empty",
		}},
		{"programs quotes", []edit{add(`x-lab: {programs: {a: "echo 'b"}}`), steps("start: server")}, []string{"lab.yml:20:27: services.server.x-lab.programs.a: it cannot be split into words, as a shell does it: invalid command line string; write a list"}},
		{"programs argument", []edit{add(`x-lab: {programs: {a: [echo, {b: c}]}}`), steps("start: server")}, []string{"lab.yml:20:34: services.server.x-lab.programs.a[1]: it must be text"}},
		{"programs and no command", []edit{{serverCommand, "    x-lab: {programs: {a: socket}}\n"}, steps("start: server")}, []string{"lab.yml:10:14: x-lab.steps[0].start: server has no command, but x-lab.programs; write server/a"}},
	})
}

// homes has IPv6 beside IPv4 on home.
func homes(service, network string) []edit {
	return []edit{{serverHome, service}, {homeSubnet, homeSubnet + network}}
}

func TestIPv6Problems(t *testing.T) {
	both := "home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::10'}"
	router := edit{routerHome, routerHome + "\n        ipv6_address: fd12::254"}
	enabled := edit{"  home:\n    ipam:", "  home:\n    enable_ipv6: true\n    ipam:"}
	subnet := "\n        - subnet: fd12::/64"
	checkProblems(t, []problem{
		{"not enabled", append(homes(both, subnet), router), []string{"lab.yml:39:3: networks.home: it has the IPv6 subnet fd12::/64, so Docker wants enable_ipv6: true beside ipam"}},
		{"enabled for nothing", []edit{enabled}, []string{"lab.yml:39:18: networks.home.enable_ipv6: there is no IPv6 subnet; write ipam: {config: [{subnet: 10.12.0.0/24}]}, or with IPv6 as well [{subnet: 10.12.0.0/24}, {subnet: 'fd12::/64'}]"}},
		{"no ipv6_address", append(homes(serverHome, subnet), router, enabled), []string{"lab.yml:19:7: services.server.networks.home: it needs an ipv6_address as well, as the network has fd12::/64, and Docker would choose one"}},
		{"not in the subnet", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd13::10'}", subnet), router, enabled), []string{"lab.yml:19:54: services.server.networks.home.ipv6_address: fd13::10 is not in the subnet fd12::/64"}},
		{"gateway6", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::1'}", subnet), router, enabled), []string{"lab.yml:19:54: services.server.networks.home.ipv6_address: fd12::1 is the subnet's gateway, which Docker's bridge takes; use another"}},
		{"routers' address", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::'}", subnet), router, enabled), []string{"lab.yml:19:54: services.server.networks.home.ipv6_address: fd12:: is the first address of fd12::/64, which means its routers (RFC 4291)"}},
		{"same address", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::254'}", subnet), router, enabled), []string{"lab.yml:19:54: services.server.networks.home.ipv6_address: router has the address fd12::254 already"}},
		{"IPv4 for IPv6", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 10.12.0.11}", subnet), router, enabled), []string{`lab.yml:19:54: services.server.networks.home.ipv6_address: "10.12.0.11" is no IPv6 address; write one such as fd12::2`}},
		{"zone", append(homes("home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::10%eth0'}", subnet), router, enabled), []string{`lab.yml:19:54: services.server.networks.home.ipv6_address: "fd12::10%eth0" is no IPv6 address; write one such as fd12::2`}},
		{"two of IPv6", append(homes(both, subnet+"\n        - subnet: fd13::/64"), router, enabled), []string{"lab.yml:45:19: networks.home.ipam.config[2].subnet: the network has the subnet fd12::/64 already; give each subnet a network of its own"}},
		{"link-local", append(homes(both, "\n        - subnet: fe80::/64"), router, enabled), []string{"lab.yml:44:19: networks.home.ipam.config[1].subnet: fe80::/64 is not for hosts' addresses (RFC 6890); use one of fd00::/8"}},
		{"long IPv6", append(homes(both, "\n        - subnet: fd12::/127"), router, enabled), []string{"lab.yml:44:19: networks.home.ipam.config[1].subnet: fd12::/127 has no room for hosts; its length may be /126 at the most"}},
		{"router without IPv6", append(homes(both, subnet), router, enabled, edit{clientCafe, clientCafe + "\n        ipv6_address: fd12:0:0:1::10"},
			edit{"      cafe:\n        ipv4_address: 10.12.1.254", "      cafe:\n        ipv4_address: 10.12.1.254\n        ipv6_address: fd12:0:0:1::254"},
			edit{"  cafe:\n    ipam:\n      config:\n        - subnet: 10.12.1.0/24", "  cafe:\n    enable_ipv6: true\n    ipam:\n      config:\n        - subnet: 10.12.1.0/24\n        - subnet: fd12:0:0:1::/64"}), []string{`lab.yml:22:5: services.router.sysctls: a router between IPv6 subnets needs net.ipv6.conf.all.forwarding: "1" as well`}},
		{"forwarding6", []edit{add("sysctls: {net.ipv6.conf.all.forwarding: 2}")}, []string{`lab.yml:18:45: services.server.sysctls.net.ipv6.conf.all.forwarding: it must be 0 or 1, not "2"`}},
	})
}

// What a check finds is told where it is, to the column where the file has the
// text as it is.
func TestCheckedProblems(t *testing.T) {
	const body = "a:\n      some: server.sockets\n      "
	for _, test := range []struct {
		name, is string
		key      []string
		offset   int
		want     string
	}{
		{"plain", "is: inode == prt", []string{"claims", "a", "is"}, 9, "lab.yml:10:20: x-lab.claims.a.is: reason"},
		{"plain, more than one byte", "is: text == 가나 + prt", []string{"claims", "a", "is"}, 8 + 6 + 3, "lab.yml:10:24: x-lab.claims.a.is: reason"},
		{"single quotes", "is: 'a == ''b'' && prt'", []string{"claims", "a", "is"}, 12, "lab.yml:10:26: x-lab.claims.a.is: reason"},
		{"double quotes", `is: "a == \"b\" && prt"`, []string{"claims", "a", "is"}, 12, "lab.yml:10:26: x-lab.claims.a.is: reason"},
		{"literal", "is: |\n        a == 1 &&\n        가 && prt", []string{"claims", "a", "is"}, 10 + 7, "lab.yml:12:14: x-lab.claims.a.is: reason"},
		{"literal with a number", "is: |2\n         a && prt", []string{"claims", "a", "is"}, 6, "lab.yml:11:15: x-lab.claims.a.is: reason"},
		{"folded", "is: >\n        a == 1 &&\n        prt", []string{"claims", "a", "is"}, 10, "lab.yml:10:11: x-lab.claims.a.is: reason"},
		{"on two lines", "is: a == 1 &&\n        prt", []string{"claims", "a", "is"}, 10, "lab.yml:10:11: x-lab.claims.a.is: reason"},
		{"variable", "is: ${A:-a} == prt", []string{"claims", "a", "is"}, 5, "lab.yml:10:11: x-lab.claims.a.is: reason"},
		{"behind the end", "is: a", []string{"claims", "a", "is"}, 1, "lab.yml:10:12: x-lab.claims.a.is: reason"},
		{"flow", "of: [a, 'b c']", []string{"claims", "a", "of", "[1]"}, 2, "lab.yml:10:18: x-lab.claims.a.of[1]: reason"},
		{"a key", "of: [a]", []string{"claims", "a", "of"}, 0, "lab.yml:10:7: x-lab.claims.a.of: reason"},
		{"a missing key", "of: [a]", []string{"claims", "a", "is"}, 0, "lab.yml:8:5: x-lab.claims.a.is: reason"},
		{"a step", "of: [a]\n  steps:\n    - start: server\n    - type: {server: [a, b]}\n    - wait: {server.sockets: 'a == prt'}", []string{"steps", "[3]", "wait", "server.sockets"}, 5, "lab.yml:14:36: x-lab.steps[2].wait.server.sockets: reason"},
		{"nowhere", "of: [a]", []string{"steps", "[0]"}, 0, "lab.yml:2:1: x-lab.steps[0]: reason"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := edited(t, small(t), claim(body+test.is))
			_, err := compose.Parse("folder", file("lab.yml", []byte(text)), nil, compose.Checked(func(*topology.Lab) []topology.Fault {
				return []topology.Fault{{Key: test.key, Offset: test.offset, Reason: "reason"}}
			}))
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestCheckedIsAskedOfRightLabsOnly(t *testing.T) {
	asked := false
	check := compose.Checked(func(*topology.Lab) []topology.Fault { asked = true; return nil })
	_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, small(t), lab("  limit: soon\n")))), nil, check)
	require.Error(t, err)
	assert.False(t, asked)
	_, err = compose.Parse("folder", file("lab.yml", []byte(small(t))), nil, check)
	require.NoError(t, err)
	assert.True(t, asked)
}
