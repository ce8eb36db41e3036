package spawn

import (
	"errors"
	"strconv"
	"strings"
)

// Name is argument zero of a process that is to read a Request.
const Name = "fourtuple-spawn"

// What parent and child say to each other after the Request.
const (
	Armed = 'A'
	Go    = 'G'
)

// A Kind is what the new process is for.
type Kind int

const (
	// Program isolates the process, drops its privileges and executes Args.
	Program Kind = iota
	// Engine gives the process a /proc of its PID namespace and executes Args
	// with the privileges that it has.
	Engine
	// Probe does what Program does until it would execute, and ends.
	Probe
)

// A Request says what the process is to become.
type Request struct {
	Kind Kind
	// Args are the program and its arguments. A Program's is looked up in the
	// PATH of Environment, unless it has a slash.
	Args []string
	// File is what is executed if it is not Args[0]; As is the name that it
	// then goes by (proc(5)'s comm).
	File, As    string
	Environment []string
	Directory   string
	Hostname    string
	Hosts       string // the text of /etc/hosts
	// User is the uid and gid to become; negative: stay the same.
	User int
}

// Encode returns the request as its text: its length in decimal, a line feed,
// and fields that each end with a zero byte. No field may contain one.
func (r Request) Encode() ([]byte, error) {
	fields := []string{
		strconv.Itoa(int(r.Kind)), strconv.Itoa(r.User),
		r.File, r.As, r.Directory, r.Hostname, r.Hosts,
		strconv.Itoa(len(r.Args)),
	}
	fields = append(append(fields, r.Args...), r.Environment...)
	for _, f := range fields {
		if strings.IndexByte(f, 0) >= 0 {
			return nil, errors.New("an argument or variable contains a zero byte")
		}
	}
	text := strings.Join(fields, "\x00") + "\x00"
	return append([]byte(strconv.Itoa(len(text))+"\n"), text...), nil
}

// errRequest is for a text that is not an encoded request.
var errRequest = errors.New("not a request")

// Decode reads the fields of a request, without its length.
func Decode(text []byte) (Request, error) {
	fields := strings.Split(string(text), "\x00")
	const fixed = 8
	if len(fields) < fixed+1 || fields[len(fields)-1] != "" {
		return Request{}, errRequest
	}
	fields = fields[:len(fields)-1]
	kind, err1 := strconv.Atoi(fields[0])
	user, err2 := strconv.Atoi(fields[1])
	count, err3 := strconv.Atoi(fields[7])
	rest := fields[fixed:]
	if err1 != nil || err2 != nil || err3 != nil || count < 0 || count > len(rest) {
		return Request{}, errRequest
	}
	return Request{
		Kind: Kind(kind), User: user,
		File: fields[2], As: fields[3], Directory: fields[4], Hostname: fields[5], Hosts: fields[6],
		Args: rest[:count:count], Environment: rest[count:],
	}, nil
}
