package socket

import (
	"fmt"
	"slices"
)

// A Script checks the lines that are to be typed to one prompt, one after the
// other, before there is one.
type Script struct {
	// Hosts are the names that addresses can be given by; nil for any.
	Hosts []string

	sockets, children []string
}

// Check says why a line is none that the prompt could take then. What it does not
// say may still not be there: a socket that is closed, or was never accepted.
func (s *Script) Check(typed string) error {
	l, err := parse(typed)
	if l.child != "" {
		if !slices.Contains(s.children, l.child) {
			return noChild(l.child)
		}
		return s.Check(l.rest)
	}
	if err == nil {
		err = s.checkNames(l)
	}
	if l.call == "fork" {
		s.children = append(s.children, l.name)
	} else if l.name != "" {
		s.sockets = append(s.sockets, l.name)
	}
	return err
}

func (s *Script) checkNames(l *line) error {
	if isName(l.socket) && !slices.Contains(s.sockets, l.socket) {
		return noSocket(l, s.sockets)
	}
	if host := l.address.host; s.Hosts != nil && host != "" && !l.address.ip.IsValid() && !slices.Contains(s.Hosts, host) {
		return unknown("host", host, s.Hosts)
	}
	return nil
}

func noChild(name string) error {
	return fmt.Errorf("there is no child %s: fork %[1]s makes one", name)
}

// noSocket is the error of a socket that is not among those that there are.
func noSocket(l *line, there []string) error {
	switch {
	case l.call == "send":
		return fmt.Errorf("there is no socket %s; a text of several words, for the last connection, is quoted: send %q", l.socket, l.socket+" "+string(l.data))
	case len(there) == 0:
		return fmt.Errorf("there is no socket %s: none has been made", l.socket)
	}
	return unknown("socket", l.socket, there)
}
