package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/socket"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A stepWord is what a step of x-lab.steps begins with.
type stepWord struct {
	// read makes steps of what stands at the word: none of what it refuses.
	read func(s *stepReader, v value) []topology.Step
	// example is what stands at the word, for people.
	example string
	// options are what may stand beside the word. They change the last step.
	options map[string]func(s *stepReader, v value, step *topology.Step)
}

// stepWords are all words. To add one, say here how it is read.
var stepWords = map[string]stepWord{
	"start":    {read: (*stepReader).start, example: "server, or a list of programs"},
	"type":     {read: (*stepReader).typeLines, example: "{server: listen 12000 backlog 2}"},
	"wait":     {read: (*stepReader).wait, example: "{server.sockets: 'state == \"LISTEN\"'}", options: map[string]func(*stepReader, value, *topology.Step){"within": (*stepReader).within}},
	"snapshot": {read: (*stepReader).snapshot, example: "accepted"},
	"signal":   {read: (*stepReader).signal, example: "{server: STOP}"},
	"stop":     {read: (*stepReader).stop, example: "server, or a list of programs"},
	"cut":      {read: (*stepReader).cut, example: "{router: [home, cafe]}"},
	"mend":     {read: (*stepReader).mend, example: "{router: [home, cafe]}"},
	"sleep":    {read: (*stepReader).sleep, example: "300ms"},
}

// A stepReader reads steps one after the other, and knows what was done by then.
type stepReader struct {
	lab *topology.Lab
	// running says of each program that was started whether it was not stopped
	// since. It may have ended by itself.
	running map[string]bool
	// unclear says that a start could not be read, so that what was started is
	// not known.
	unclear bool
	// ending are prompts that were sent a signal, or told to exit.
	ending map[string]bool
	// scripts are what has been typed to prompts since their start.
	scripts   map[string]*socket.Script
	word      string // of the step that is read, with its example
	snapshots map[string]bool
	cuts      map[string]bool // by router and subnets
	// steps have what was read, and listed for each its index in the list.
	steps  []topology.Step
	listed []int
}

// readSteps reads x-lab.steps of a lab whose hosts and subnets are known. It
// adds the snapshot that a lab without one is judged by, and stops in the end
// what was started, the last first. It returns for each step in the list its
// index there.
func readSteps(v value, lab *topology.Lab) (steps []topology.Step, listed []int) {
	s := &stepReader{lab: lab, running: make(map[string]bool), ending: make(map[string]bool), scripts: make(map[string]*socket.Script), snapshots: make(map[string]bool), cuts: make(map[string]bool)}
	if !v.isList() || len(v.entries) == 0 {
		v.refuse("steps are a list, as [{start: server}, {snapshot: started}]; without the key, programs are started by depends_on")
		return nil, nil
	}
	for i, entry := range v.values() {
		for _, step := range s.step(entry) {
			s.steps, s.listed = append(s.steps, step), append(s.listed, i)
		}
	}
	if len(s.snapshots) == 0 {
		s.steps = append(s.steps, topology.Step{Action: topology.Snapshot, Name: topology.Settled})
	}
	s.steps = append(s.steps, s.lastStops()...)
	for i := range s.steps {
		s.steps[i].Number = i + 1
	}
	return s.steps, s.listed
}

// lastStops stop what is running at the end.
func (s *stepReader) lastStops() []topology.Step {
	var stops []topology.Step
	for _, step := range slices.Backward(s.steps) {
		if step.Action != topology.Start {
			continue
		}
		var on []string
		for _, program := range step.On {
			if s.running[program] {
				s.running[program] = false
				on = append(on, program)
			}
		}
		if len(on) > 0 {
			stops = append(stops, topology.Step{Action: topology.Stop, On: on})
		}
	}
	return stops
}

// step reads an entry of the list: one word, with its options beside it.
func (s *stepReader) step(v value) []topology.Step {
	if !v.isMapping() || len(v.entries) == 0 {
		v.refuse("a step is a word and what it is for, as start: server")
		return nil
	}
	var at *value
	var beside []value
	for _, field := range v.values() {
		if _, ok := stepWords[field.name]; ok && at == nil {
			at = &field
		} else {
			beside = append(beside, field)
		}
	}
	if at == nil {
		beside[0].refuseName("there is no step %q%s", beside[0].name, suggest(beside[0].name, stepWords))
		return nil
	}
	word := stepWords[at.name]
	s.word = at.name + ": " + word.example
	steps := word.read(s, *at)
	for _, field := range beside {
		option, ok := word.options[field.name]
		switch {
		case ok && len(steps) > 0:
			option(s, field, &steps[len(steps)-1])
		case ok:
		case stepWords[field.name].read != nil:
			field.refuseName("a step is one word, and this one is %s; put a - before %s", at.name, field.name)
		case len(word.options) == 0:
			field.refuseName("nothing stands beside %s; indent what is below it, or remove this", at.name)
		default:
			field.refuseName("%s has no option %q%s", at.name, field.name, suggest(field.name, word.options))
		}
	}
	return steps
}

// one reads a mapping of one key to what the step needs.
func (s *stepReader) one(v value) (value, bool) {
	if !v.isMapping() || len(v.entries) != 1 {
		v.refuse("it must be one key with its value, as %s", s.word)
		return value{}, false
	}
	return v.values()[0], true
}

func (s *stepReader) start(v value) []topology.Step {
	on := s.programs(v, s.noStart)
	s.unclear = s.unclear || len(on) < max(1, len(v.entries))
	for _, program := range on {
		s.running[program], s.ending[program] = true, false
		s.scripts[program] = s.script(program)
	}
	return onSome(topology.Step{Action: topology.Start, On: on})
}

func (s *stepReader) stop(v value) []topology.Step {
	on := s.programs(v, s.notRunning)
	for _, program := range on {
		s.running[program] = false
	}
	return onSome(topology.Step{Action: topology.Stop, On: on})
}

func onSome(step topology.Step) []topology.Step {
	if len(step.On) == 0 {
		return nil
	}
	return []topology.Step{step}
}

// programs reads one or a list of them; refused says what keeps one from being
// meant.
func (s *stepReader) programs(v value, refused func(program string) string) (on []string) {
	names := []value{v}
	if v.isList() {
		names = v.values()
	}
	if len(names) == 0 {
		v.refuse("it names no program")
	}
	for _, name := range names {
		if name.isMapping() || name.isList() {
			name.refuse("it must be a program, HOST or HOST/NAME, or a list of them")
			continue
		}
		text := name.text()
		switch reason := refused(text); {
		case reason != "":
			name.refuse("%s", reason)
		case slices.Contains(on, text):
			name.refuse("it is named twice; remove one")
		default:
			on = append(on, text)
		}
	}
	return on
}

// noProgram says why nothing can be done with a program; empty if something can.
func (s *stepReader) noProgram(on string) string {
	host, program := topology.Target(on)
	h, ok := s.lab.Host(host)
	if !ok {
		return fmt.Sprintf("no host is called %q%s", host, suggest(host, s.hosts()))
	}
	if args, _ := h.Arguments(program); len(args) > 0 && on != host+"/" {
		return ""
	}
	if on == host {
		if len(h.Programs) > 0 {
			return fmt.Sprintf("%s has no command, but x-lab.programs; write %s/%s", host, host, h.Programs[0].Name)
		}
		return fmt.Sprintf("%s has no program; give the service a command", host)
	}
	if len(h.Programs) == 0 {
		return fmt.Sprintf("%s has no program %q; name its programs under x-lab.programs in the service", host, program)
	}
	there := make(map[string]bool)
	for _, p := range h.Programs {
		there[p.Name] = true
	}
	return fmt.Sprintf("%s has no program %q%s", host, program, suggest(program, there))
}

func (s *stepReader) hosts() map[string]bool {
	hosts := make(map[string]bool)
	for _, h := range s.lab.Hosts {
		hosts[h.Name] = true
	}
	return hosts
}

// noStart says why a program cannot be started; empty if it can. Programs end by
// themselves, but prompts do not.
func (s *stepReader) noStart(program string) string {
	if reason := s.noProgram(program); reason != "" {
		return reason
	}
	if s.running[program] && s.scripts[program] != nil && !s.ending[program] {
		return fmt.Sprintf("%s runs already; put stop: %s before it", program, program)
	}
	return ""
}

// notRunning says why a program cannot be running; empty if it can.
func (s *stepReader) notRunning(program string) string {
	if reason := s.noProgram(program); reason != "" {
		return reason
	}
	switch running, started := s.running[program]; {
	case !started:
		return fmt.Sprintf("%s has not been started by then; put start: %s before it", program, program)
	case !running:
		return fmt.Sprintf("%s has been stopped by then; put start: %s before it", program, program)
	}
	return ""
}

// onRunning wants a program that is there as the value's key.
func (s *stepReader) onRunning(v value) bool {
	reason := s.notRunning(v.name)
	host, _ := topology.Target(v.name)
	_, known := s.lab.Host(host)
	_, started := s.running[v.name]
	if reason != "" && (!s.unclear || !known || started) {
		v.refuseName("%s", reason)
	}
	return reason == ""
}

// typeLines reads the lines that are typed to one program, each a step.
func (s *stepReader) typeLines(v value) []topology.Step {
	typed, ok := s.one(v)
	if !ok || !s.onRunning(typed) {
		return nil
	}
	lines := []value{typed}
	if typed.isList() {
		lines = typed.values()
	}
	var steps []topology.Step
	for _, line := range lines {
		if line.isMapping() || line.isList() {
			line.refuse("it must be a line, or a list of lines; put text with a colon in quotes")
			continue
		}
		text := line.text()
		if strings.ContainsAny(text, "\n\r") {
			line.refuse("one line is typed by a step; write a list of lines")
			continue
		}
		if strings.TrimSpace(text) == "exit" {
			s.ending[typed.name] = true
		}
		if script := s.scripts[typed.name]; script != nil {
			if err := script.Check(text); err != nil {
				line.refuse("%v", err)
			}
		}
		steps = append(steps, topology.Step{Action: topology.Type, On: []string{typed.name}, Line: text})
	}
	return steps
}

// script checks what is typed to a program that is a prompt; nil of any other.
func (s *stepReader) script(on string) *socket.Script {
	host, program := topology.Target(on)
	h, _ := s.lab.Host(host)
	if args, _ := h.Arguments(program); !topology.Prompts(args) {
		return nil
	}
	names := slices.Sorted(maps.Keys(h.ExtraHosts))
	for _, other := range s.lab.Hosts {
		names = append(names, other.Name)
	}
	return &socket.Script{Hosts: append(names, "localhost")}
}

// hostTables are the tables that hosts have, and that can be waited for.
var hostTables = map[string]bool{"sockets": true, "files": true, "packets": true, "program": true, "conntrack": true}

// wait reads what is waited for, with "within" among it or beside the word.
func (s *stepReader) wait(v value) []topology.Step {
	step := topology.Step{Action: topology.Wait}
	rows := v.values()
	if i := slices.IndexFunc(rows, func(row value) bool { return row.name == "within" }); i >= 0 && v.isMapping() {
		s.within(rows[i], &step)
		rows = slices.Delete(rows, i, i+1)
	}
	if !v.isMapping() || len(rows) != 1 {
		v.refuse("it must be one key with its value, as %s", s.word)
		return nil
	}
	row := rows[0]
	host, table, dot := strings.Cut(row.name, ".")
	_, known := s.lab.Host(host)
	switch {
	case !dot:
		row.refuseName("a wait is for a row of a host's table; write HOST.TABLE, as server.sockets")
	case !known:
		row.refuseName("no host is called %q%s", host, suggest(host, s.hosts()))
	case !hostTables[table]:
		row.refuseName("a host has no table %q%s", table, suggest(table, hostTables))
	case table == "program" && !s.anyStarted(host):
		row.refuseName("no program of %s has been started by then, so none tells anything; put start: %s before it", host, host)
	default:
		step.On, step.Table, step.Where = []string{host}, table, row.text()
		return []topology.Step{step}
	}
	return nil
}

func (s *stepReader) anyStarted(host string) bool {
	for program := range s.running {
		if on, _ := topology.Target(program); on == host {
			return true
		}
	}
	return false
}

func (s *stepReader) within(v value, step *topology.Step) { step.For = s.time(v) }

// time reads one that a run has.
func (s *stepReader) time(v value) time.Duration {
	time := v.duration(time.Millisecond)
	if time > s.lab.Limit {
		v.refuse("%s is longer than a run may take, %s; raise x-lab.limit", time, s.lab.Limit)
	}
	return time
}

func (s *stepReader) snapshot(v value) []topology.Step {
	name := v.text()
	if name == "" {
		return nil
	}
	checkName(name, v.refuse)
	if s.snapshots[name] {
		v.refuse("a snapshot is called %s already; claims could not tell them apart", name)
	}
	s.snapshots[name] = true
	return []topology.Step{{Action: topology.Snapshot, Name: name}}
}

// signals are those of signal(7), but for realtime ones, without SIG.
var signals = func() map[string]bool {
	all := make(map[string]bool)
	for name := range strings.FieldsSeq(`ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO KILL PIPE PROF PWR QUIT
		SEGV STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ`) {
		all[name] = true
	}
	return all
}()

// signalNamed is a signal's name with SIG in front of it.
func signalNamed(text string) string { return "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG") }

func (s *stepReader) signal(v value) []topology.Step {
	sent, ok := s.one(v)
	if !ok || !s.onRunning(sent) {
		return nil
	}
	text := sent.text()
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if !signals[name] {
		sent.refuse("%q is no signal%s", text, suggest(name, signals))
		return nil
	}
	s.ending[sent.name] = true
	return []topology.Step{{Action: topology.Signal, On: []string{sent.name}, Signal: signalNamed(name)}}
}

func (s *stepReader) cut(v value) []topology.Step  { return s.between(v, topology.Cut) }
func (s *stepReader) mend(v value) []topology.Step { return s.between(v, topology.Mend) }

// between reads a router, and the two of its subnets that a cut is about.
func (s *stepReader) between(v value, action topology.Action) []topology.Step {
	router, ok := s.one(v)
	if !ok {
		return nil
	}
	host, known := s.lab.Host(router.name)
	switch {
	case !known:
		router.refuseName("no host is called %q%s", router.name, suggest(router.name, s.hosts()))
		return nil
	case !host.Forwards:
		router.refuseName("%s is no router, so nothing between subnets goes over it", router.name)
		return nil
	case !router.isList() || len(router.entries) != 2:
		router.refuse("it must be a list of two subnets, as %s", s.word)
		return nil
	}
	on := make(map[string]bool)
	for _, link := range host.Links {
		on[link.Subnet] = true
	}
	var subnets []string
	for _, entry := range router.values() {
		subnet := entry.text()
		switch {
		case !on[subnet]:
			entry.refuse("%s is on no subnet %q%s", host.Name, subnet, suggest(subnet, on))
			return nil
		case slices.Contains(subnets, subnet):
			entry.refuse("it is named twice; name two subnets")
			return nil
		}
		subnets = append(subnets, subnet)
	}
	id := strings.Join(append([]string{host.Name}, slices.Sorted(slices.Values(subnets))...), " ")
	if isCut := s.cuts[id]; isCut == (action == topology.Cut) {
		router.refuseName("%s", map[bool]string{true: "it is cut already", false: "it is not cut by then; put a cut before it"}[isCut])
		return nil
	}
	s.cuts[id] = action == topology.Cut
	return []topology.Step{{Action: action, On: []string{host.Name}, Subnets: subnets}}
}

func (s *stepReader) sleep(v value) []topology.Step {
	return []topology.Step{{Action: topology.Sleep, For: s.time(v)}}
}
