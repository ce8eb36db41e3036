package compose_test

import (
	"fmt"
	"strings"
	"testing"
)

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

// Whatever is wrong with the text itself has a line, too.
func TestTextProblems(t *testing.T) {
	checkProblems(t, []problem{
		{
			name:  "an alias within itself",
			edits: []edit{{"  read_only: true\n", "  read_only: true\n  x-more:\n    a: *host\n"}},
			want:  []string{"lab.yml:14: the alias *host stands within what it stands for"},
		},
		{
			name:  "no text",
			edits: []edit{add("hostname: \xff")},
			want:  []string{"lab.yml:18: the line is not UTF-8 text"},
		},
		{
			name:  "a merge of itself",
			edits: []edit{{"  read_only: true\n", "  read_only: true\n  <<: *host\n"}},
			want:  []string{"lab.yml:13: the alias *host stands within what it stands for"},
		},
		{
			name:  "too many aliases",
			edits: []edit{top(bomb("[*%s, *%s]"))},
			want:  []string{"lab.yml: the aliases stand for more than 100000 entries; write less with them"},
		},
		{
			name:  "too many merges",
			edits: []edit{top(bomb("{<<: [*%s, *%s]}"))},
			want:  []string{"lab.yml: the aliases stand for more than 100000 entries; write less with them"},
		},
		{
			name:  "several",
			edits: []edit{add("ports: [80]"), {serverHome, "home: {ipv4_address: 10.12.0.1}"}, {"port: 12000", "port: 0"}},
			want: []string{
				"lab.yml:6: x-lab.port: it must be a port, a number from 1 to 65535",
				"lab.yml:18: services.server.ports: a lab's host has no way out of the lab; remove it",
				"lab.yml:20: services.server.networks.home.ipv4_address: 10.12.0.1 is the subnet's gateway, which Docker's bridge takes; use another",
			},
		},
		{
			name:  "variable",
			edits: []edit{add("environment: {A: 'x${LAB_X}'}")},
			want: []string{
				"lab.yml:18: services.server.environment.A: the variable LAB_X is not set; set it, or give a default: ${LAB_X:-…}",
			},
		},
		{
			name:  "variable required",
			edits: []edit{add("environment: {A: '${LAB_X:?say it}'}")},
			want: []string{
				"lab.yml:18: services.server.environment.A: required variable LAB_X is missing a value: say it",
			},
		},
		{
			name:  "variable wrong",
			edits: []edit{add("environment: {A: '${LAB X}'}")},
			want: []string{
				"lab.yml:18: services.server.environment.A: \"${LAB X}\" is no variable; write $$ for a dollar sign",
			},
		},
		{
			name:  "variable cast",
			edits: []edit{add("tty: '${LAB_X:-banana}'")},
			want: []string{
				"lab.yml:18: services.server.tty: failed to cast to expected type: invalid boolean: banana",
			},
		},
		{
			name:  "NUL",
			edits: []edit{add(`environment: {A: "a\0b"}`)},
			want: []string{
				"lab.yml:18: services.server.environment.A: it has a NUL character, which no program can be given",
			},
		},
		{
			name:  "syntax",
			edits: []edit{{"services:\n", "services\n"}},
			want: []string{
				"lab.yml:14: could not find expected ':'",
			},
		},
		{
			name:  "tab",
			edits: []edit{add("\ttty: true")},
			want: []string{
				"lab.yml:18: found character that cannot start any token",
			},
		},
		{
			name:  "duplicate key",
			edits: []edit{add("command: [b]")},
			want: []string{
				"lab.yml:18: mapping key \"command\" already defined at line 17",
			},
		},
		{
			name:  "second document",
			edits: []edit{{"\nnetworks:\n", "\n---\nnetworks:\n"}},
			want: []string{
				"lab.yml:37: a second YAML document begins here; a lab is one document",
			},
		},
		{
			name:  "text for a mapping",
			edits: []edit{add("environment: 5")},
			want: []string{
				"lab.yml:18: services.server.environment: must be a mapping",
			},
		},
		{
			name:  "null services",
			edits: []edit{{"  server:\n    <<: *host", "  nobody:\n  server:\n    <<: *host"}},
			want: []string{
				"lab.yml:15: services.nobody: must be a mapping",
			},
		},
		{
			name:  "unknown anchor",
			edits: []edit{add("cap_add: *nobody")},
			want: []string{
				"lab.yml:18: no anchor is called \"nobody\"; name one as &nobody",
			},
		},
		{
			name:  "volume syntax",
			edits: []edit{add(`volumes: [""]`)},
			want: []string{
				"lab.yml: invalid empty volume spec",
			},
		},
	})
}
