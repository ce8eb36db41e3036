// Package socket is a prompt for socket calls: each line that is typed is one
// call of section 2 of the manual, made as it stands, and answered by what the
// kernel returns. Nothing of Go's package net is between the line and the call,
// which sets options, chooses families and tries again.
//
// # Lines
//
// A line is a call's name and what it is given, as in
//
//	s = socket tcp
//	bind s 0.0.0.0:12000
//	listen s 2
//	c = accept s
//	send c hello
//
// [Help] has all of them. "NAME =" gives a name to the socket that the line
// makes. Every socket can be called by its descriptor, too, and one without a
// name only so. A name that is given again is the new socket's from then on.
//
// Short forms make several calls: "listen 12000 backlog 2" is socket, bind and
// listen. Each call is printed and answered; the first that fails is the last
// that is made, and what was made before stays.
//
// # Waits
//
// Sockets are non-blocking. A call that has no answer yet is made again as soon
// as poll(2) says that it may have one, for at most a second, or as long as
// "within" says at the end of the line: to the one who types, it is a blocking
// call with a limit. If the limit passes, the call is answered as waiting, which
// is neither a result nor an error. A connect that waits goes on in the kernel,
// and another connect of that socket asks what became of it. A send that could
// send a part only is answered by the length of that part, as a blocking one
// with SO_SNDTIMEO is.
//
// # Children
//
// "fork w" makes a child that has all descriptors, under the same numbers and
// names, as after fork(2), and is a prompt itself: a line "w: close s" is the
// child's. Its answers are printed by its parent. It ends by "w: exit", or with
// its parent. It is made by executing this program anew, which no call can tell.
//
// # Output
//
// On a terminal each call is printed as strace(1) prints it. Elsewhere each line
// of the output is an [evidence.ProgramEvent] as JSON: first a prompt, then, for
// each line that is typed and not empty, its calls and exactly one answer. The answer is that
// of the last call. Its error says why the line is no call; then none was made,
// and a step of a lab that typed it has failed. Of a payload of more than
// 4096 bytes only the length is told. What a call does not tell itself, the two
// ends of a connection, the prompt asks by getsockname and getpeername, which
// change nothing and are not printed.
//
// Exit status: 0; 1 if the input cannot be read or the output written, or where
// there is no Linux; 2 for wrong arguments.
package socket

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Exit statuses.
const (
	statusDone   = 0
	statusFailed = 1
	statusCannot = 2
)

const about = `Usage: socket

A prompt for socket calls: each line that you type is one call, made as it
stands. On a terminal its answer is printed as strace prints it, elsewhere as
JSON. It ends by exit, by the end of the input, or by SIGINT or SIGTERM.

` + Help

// Help has all lines that the prompt takes.
const Help = `NAME = may stand before whatever makes a socket; a socket without a name is
called by its descriptor. ADDRESS is 10.12.0.10:12000, [fd12::10]:12000, or a
name of /etc/hosts with a port.

  s = socket tcp|udp|tcp6|udp6
  bind s ADDRESS
  listen s [BACKLOG]
  c = accept s
  connect s ADDRESS
  send c TEXT          or: send c 100000 bytes   TEXT may be quoted: "a\r\n"
  recv c [BYTES]
  sendto s ADDRESS TEXT
  recvfrom s [BYTES]
  shutdown c RD|WR|RDWR
  close c
  getsockname s        getpeername s
  setsockopt s OPTION VALUE
      on or off:  reuseaddr reuseport v6only keepalive nodelay bind_address_no_port
      a number:   rcvbuf sndbuf user_timeout (ms) keepidle keepintvl (s) keepcnt
      linger off|SECONDS             local_port_range 50000-50009
  fork w               a child with the same descriptors; "w: close s" is its line
  exit

Short forms, which make each of their calls:

  listen PORT|ADDRESS [backlog N]     socket, bind and listen
  connect ADDRESS                     socket and connect
  accept                              on the last listener
  send TEXT, recv, close, ...         on the last connection

accept, connect, send and recv wait for a second at most, or as long as the end
of the line says: accept s within 300ms. What has not answered then is waiting.
`

// Main is the command. The arguments are without its name. It returns the exit
// status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		fmt.Fprint(stdout, about)
		return statusDone
	}
	if len(args) > 0 {
		fmt.Fprintf(stderr, "socket: unexpected argument %q; lines are typed, see socket --help\n", args[0])
		return statusCannot
	}
	ended := make(chan error, 1)
	go func() { ended <- serve(stdin, stdout) }()
	select {
	case <-ctx.Done(): // a read of the input cannot be ended; the process is
		return statusDone
	case err := <-ended:
		if err != nil {
			fmt.Fprintf(stderr, "socket: %v\n", err)
			return statusFailed
		}
		return statusDone
	}
}

// A said is what a prompt says at once: an event, and the same for people, empty
// where they need not be told.
type said struct {
	Event evidence.ProgramEvent `json:"event"`
	Text  string                `json:"text,omitempty"`
}

// A printer prints what a prompt says, by a single write.
type printer func(said) error

// asJSON prints events, with the time of their printing.
func asJSON(out io.Writer) printer {
	return func(s said) error {
		if s.Event.Event == "" {
			return nil
		}
		s.Event.Time = time.Now().UTC()
		return writeLine(out, s.Event)
	}
}

// forParent prints all that a parent needs to print it.
func forParent(out io.Writer) printer {
	return func(s said) error { return writeLine(out, s) }
}

func writeLine(out io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = out.Write(append(line, '\n'))
	}
	return err
}

// forPeople prints what a terminal shows: a call as strace has it, and a sign
// that the next line may be typed.
func forPeople(out io.Writer) printer {
	return func(s said) error {
		text := s.Text
		switch s.Event.Event {
		case evidence.EventPrompt:
			text = "help says what can be typed\n> "
		case "":
			text = "> "
		case evidence.EventAnswer:
			if text == "" && s.Event.Error != "" {
				text = s.Event.Error + "\n"
			}
			if s.Event.Call != "exit" || s.Event.PID != 0 {
				text += "> "
			}
		default:
			text += "\n"
		}
		_, err := io.WriteString(out, text)
		return err
	}
}
