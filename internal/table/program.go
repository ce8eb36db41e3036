package table

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var program = Kind{
	Name: "program", OfHost: true,
	Doc:       "what the host's programs told of themselves until a snapshot: events that they printed as JSON, and all other lines of theirs",
	witnesses: []string{"program"},
	text:      func(r *Row) string { return eventText(r.record.(*evidence.ProgramEvent)) },
	time:      func(r *Row) (from, until time.Time) { return instant(r.record.(*evidence.ProgramEvent).Time) },
	Columns: slices.Concat(
		[]Column{
			{Name: "event", Type: "string", Doc: "what the program tells; line is a line that is no event", Values: []string{
				evidence.EventListening, evidence.EventAccepted, evidence.EventConnected, evidence.EventSent, evidence.EventReceived, evidence.EventHolding, evidence.EventClosed,
				evidence.EventFailed, evidence.EventStopped, evidence.EventPrompt, evidence.EventCall, evidence.EventAnswer, evidence.EventLine,
			}, value: of(func(e *evidence.ProgramEvent) string { return e.Event })},
			{Name: "program", Type: "string", Doc: "the name of the program; empty for the host's command", value: of(func(e *evidence.ProgramEvent) string { return e.Program })},
			{Name: "pid", Type: "int", Doc: "the process that told it, as HOST.files has it: the program's, or that of a child of it", value: of(func(e *evidence.ProgramEvent) int64 { return int64(e.PID) })},
		},
		endpoint("local", "its own end of the connection or socket", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.ProgramEvent).Local }),
		endpoint("remote", "the other end", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.ProgramEvent).Remote }),
		[]Column{
			{Name: "bytes", Type: "int", Unit: "bytes", Doc: "the length of what it sent or received", value: of(func(e *evidence.ProgramEvent) int64 { return int64(e.Bytes) })},
			{Name: "text", Type: "string", Doc: "what it sent, received or printed; bytes that are no UTF-8 are \\ufffd", value: of(func(e *evidence.ProgramEvent) string { return valid(e.Payload()) })},
			{Name: "error", Type: "string", Doc: "the error that it tells; of a line, what was printed on standard error", value: of(func(e *evidence.ProgramEvent) string { return e.Error })},
			{Name: "typed", Type: "string", Doc: "the line that a prompt was given", value: of(func(e *evidence.ProgramEvent) string { return e.Typed })},
		},
		answer(func(r *Row) *evidence.ProgramEvent { return r.record.(*evidence.ProgramEvent) }),
		[]Column{
			{Name: "time", Type: "string", Doc: "when the program told it (RFC 3339, UTC)", value: of(func(e *evidence.ProgramEvent) string { return timeText(e.Time) })},
		},
	),
}

// noAnswer is that of what answers nothing.
var noAnswer evidence.ProgramEvent

// calls are those that a prompt makes.
var calls = []string{
	"socket", "bind", "listen", "accept", "connect", "send", "recv", "sendto", "recvfrom", "shutdown",
	"close", "setsockopt", "getsockname", "getpeername", "fork", "exit",
}

// errnos are the errors that socket calls and those beside them answer (errno(3)).
var errnos = strings.Fields(`
	EPERM ENOENT EINTR EIO ENXIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST ENODEV ENOTDIR
	EISDIR EINVAL ENFILE EMFILE ENOTTY EFBIG ENOSPC ESPIPE EROFS EPIPE EDOM ERANGE EDEADLK
	ENAMETOOLONG ENOSYS ELOOP ENODATA ETIME ENOSR ENOLINK EPROTO EBADMSG EOVERFLOW EILSEQ
	EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
	ESOCKTNOSUPPORT EOPNOTSUPP ENOTSUP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
	ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
	ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE
	EDQUOT ECANCELED EWOULDBLOCK
`)

// answer are the columns of a socket call's answer.
func answer(get func(*Row) *evidence.ProgramEvent) []Column {
	return []Column{
		{Name: "call", Type: "string", Doc: "the system call that a prompt made, as bind", Values: calls, value: func(r *Row) any { return get(r).Call }},
		{Name: "socket", Type: "string", Doc: "the prompt's name for the socket", value: func(r *Row) any { return get(r).Socket }},
		{Name: "fd", Type: "int", Doc: "the socket's descriptor", value: func(r *Row) any { return int64(get(r).FD) }},
		{Name: "result", Type: "int", Doc: "what the call returned; -1 if it failed", value: func(r *Row) any { return get(r).Result }},
		{Name: "errno", Type: "string", Doc: "the error by name, as EADDRINUSE; empty if there is none", Values: errnos, value: func(r *Row) any { return get(r).Errno }},
		{Name: "waiting", Type: "bool", Doc: "whether the call had not answered when the prompt's wait for it was over: neither a result nor an error", value: func(r *Row) any { return get(r).Waiting }},
	}
}

// callText is a call and its answer as strace writes it.
func callText(a *evidence.ProgramEvent) string {
	switch {
	case a.Call == "":
		return ""
	case a.Waiting:
		return a.Call + " waiting"
	case a.Errno != "":
		return a.Call + " = -1 " + a.Errno
	}
	return fmt.Sprintf("%s = %d", a.Call, a.Result)
}

// eventText is an event with what it is about.
func eventText(e *evidence.ProgramEvent) string {
	return words(e.Program, e.Event, when(e.Typed != "", "%q:", e.Typed), callText(e), when(e.Local.IsValid(), "%s", printed(e.Local)), when(e.Remote.IsValid(), "%s", printed(e.Remote)),
		when(e.Bytes > 0, "%d bytes", e.Bytes), textPart(valid(e.Payload())), when(e.Error != "", "error %q", e.Error))
}
