// Package report renders what a lab found: a verdict and the evidence under it.
// It is pure: values in, an io.Writer out, the same bytes every time.
//
//	Text         the verdict for a terminal or a container's log
//	JSON         the verdict for programs, and for verdict.json
//	Connections  the joined table of connections
//	Sockets      socket rows as `netstat -tan` prints them (net-tools 2.10)
//	Files        open files as `lsof -nP` prints them (lsof 4.95)
//	Packets      a capture as tshark's packet list prints it (tshark 4.0)
//	HTML         all of it on one page that needs nothing else: report.html
//
// Sockets, Files and Packets print whole lines as the tools do, byte for byte,
// for the same rows. Of tshark's lines Packets leaves out tshark's own remarks,
// as is said there.
//
// Names and payloads are evidence, and evidence may be hostile. In text, what is
// not printable is written as an escape, as lsof does: a host's name cannot move
// the cursor or forge a line. On the page everything is escaped by html/template,
// and a content security policy forbids scripts and all that is not on the page.
//
// No function here returns errors but those of its writer and, for HTML, those
// of the template. Times are printed in UTC.
package report
