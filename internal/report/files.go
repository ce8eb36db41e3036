package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// lsofCommand is the most characters that lsof prints of a command.
const lsofCommand = 9

// Files writes open files as `lsof -nP` of lsof 4.95 prints them, in the order
// given: columns are as wide as their widest value, numbers and most words are
// flush right, the command is cut to 9 characters. Above them stands the
// host's name, if it is not empty.
//
// The records have lsof's columns as lsof writes them: backslashes in them are
// part of escapes, and stay as they are.
func Files(w io.Writer, host string, rows []evidence.File) error {
	var b strings.Builder
	heading(&b, host)
	for _, line := range lsofLines(rows) {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lsofLines are the header and a line for each row; without rows lsof prints no
// header either.
func lsofLines(rows []evidence.File) []string {
	if len(rows) == 0 {
		return nil
	}
	cells := make([]lsofCells, len(rows))
	for i, row := range rows {
		cells[i] = lsofRow(row)
	}
	widths := lsofWidths(cells)
	lines := []string{lsofTitles.line(widths)}
	for _, c := range cells {
		lines = append(lines, c.line(widths))
	}
	return lines
}

// lsofCells are the columns of a line before they are aligned.
type lsofCells struct {
	command, pid, user string
	fd, access         string // access is the access letter and the lock letter
	typ, device, size  string
	node, name         string
}

var lsofTitles = lsofCells{
	command: "COMMAND", pid: "PID", user: "USER", fd: "FD", access: "  ",
	typ: "TYPE", device: "DEVICE", size: "SIZE/OFF", node: "NODE", name: "NAME",
}

func lsofRow(row evidence.File) lsofCells {
	fd, access := lsofDescriptor(printable(row.FD))
	return lsofCells{
		command: lsofName(row.Command), pid: strconv.Itoa(row.PID), user: printable(row.User),
		fd: fd, access: access,
		typ: printable(row.Type), device: printable(row.Device), size: printable(row.SizeOff),
		node: printable(row.Node), name: printable(row.Name),
	}
}

// lsofDescriptor parts 7u into a number and two letters, for access and lock,
// and writes the number, or a word such as cwd, flush right in four columns.
// Words have no letters. Numbers from 10000 on are a star and three digits.
func lsofDescriptor(fd string) (number, access string) {
	number = strings.TrimRightFunc(fd, func(r rune) bool { return !unicode.IsDigit(r) })
	if number == "" {
		number = fd
	}
	access = fmt.Sprintf("%-2s", fd[len(number):])
	if n, err := strconv.Atoi(number); err == nil && n >= 10000 {
		number = fmt.Sprintf("*%03d", n%1000)
	}
	return fmt.Sprintf("%4s", number), access
}

// lsofName cuts a command to what lsof prints of it: printable ASCII without
// blanks, everything else as an escape. An escape that does not fit whole leaves
// its place blank.
func lsofName(command string) string {
	if command == "" {
		return "(unknown)"
	}
	var name string
	for _, c := range []byte(command) {
		part := string(rune(c))
		switch {
		case c == ' ' || c >= 0x7f:
			part = fmt.Sprintf(`\x%02x`, c)
		case c < ' ':
			part = escape(rune(c))
		}
		if len(name)+len(part) > lsofCommand {
			return fmt.Sprintf("%-*s", lsofCommand, name)
		}
		name += part
	}
	return name
}

// lsofWidths are the widths of all columns but the last.
func lsofWidths(cells []lsofCells) [8]int {
	widths := [8]int{7, 3, 4, 4, 4, 6, 8, 4}
	for _, c := range cells {
		for i, text := range [8]string{c.command, c.pid, c.user, c.fd, c.typ, c.device, c.size, c.node} {
			widths[i] = max(widths[i], len(text))
		}
	}
	return widths
}

func (c lsofCells) line(w [8]int) string {
	return fmt.Sprintf("%-*s %*s %*s %*s%s %*s %*s %*s %*s %s",
		w[0], c.command, w[1], c.pid, w[2], c.user, w[3], c.fd, c.access,
		w[4], c.typ, w[5], c.device, w[6], c.size, w[7], c.node, c.name)
}
