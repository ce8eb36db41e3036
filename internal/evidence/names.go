package evidence

import "strings"

// LabFile is the lab as run, SourceFile the file that it was read from,
// VerdictFile what the judge said of it, ReportFile the page about it.
const (
	LabFile     = "lab.json"
	SourceFile  = "lab.yml"
	VerdictFile = "verdict.json"
	ReportFile  = "report.html"
)

// temporarySuffix ends the name of a file while it is written.
const temporarySuffix = ".new"

var suffixes = map[Witness]string{
	Agent:     ".host.jsonl",
	Packets:   ".pcapng",
	Sockets:   ".sockets.jsonl",
	Files:     ".files.jsonl",
	Program:   ".program.jsonl",
	Conntrack: ".conntrack.jsonl",
}

// FileName is the name of the file that the host's witness writes.
func FileName(host string, w Witness) string { return host + suffixes[w] }

// IsRunFile tells whether a file of that name can be part of a run folder.
func IsRunFile(name string) bool {
	switch strings.TrimSuffix(name, temporarySuffix) {
	case LabFile, SourceFile, VerdictFile, ReportFile:
		return true
	}
	_, _, ok := parseName(name)
	return ok
}

// parseName is FileName's inverse.
func parseName(file string) (host string, w Witness, ok bool) {
	for w, suffix := range suffixes {
		if host, ok := strings.CutSuffix(file, suffix); ok && host != "" {
			return host, w, true
		}
	}
	return "", "", false
}
