package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
)

func judgeCommand() *cobra.Command {
	var asJSON bool
	var lang language
	c := &cobra.Command{
		Use:   "judge RUN",
		Short: "Judge a kept run again, from its evidence alone",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kept, err := fourtuple.Open(args[0])
			if err != nil {
				return err
			}
			return printVerdict(c.OutOrStdout(), kept, fourtuple.Judge(kept), asJSON, lang)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the verdict as one JSON object")
	lang.addTo(c)
	return c
}

// printVerdict prints the verdict as text or JSON; its error is the exit
// status.
func printVerdict(w io.Writer, kept *fourtuple.Evidence, v fourtuple.Verdict, asJSON bool, lang language) error {
	var err error
	if asJSON {
		err = report.JSON(w, v)
	} else {
		err = report.Text(w, kept.Run, v, styleFor(w, lang))
	}
	switch {
	case err != nil:
		return err
	case v.Outcome == fourtuple.AsExpected:
		return nil
	case v.Outcome == fourtuple.NotAsExpected:
		return status(statusOtherwise)
	default:
		return status(statusNotShown)
	}
}

func reportCommand() *cobra.Command {
	var lang language
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Write a kept run's page, RUN/report.html",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			kept, err := fourtuple.Open(args[0])
			if err != nil {
				return err
			}
			kept.Language = lang.Language
			if err := kept.SavePage(fourtuple.Judge(kept)); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), filepath.Join(kept.Folder, evidence.ReportFile))
			return nil
		},
	}
	lang.addTo(c)
	return c
}

// A view shows a kept run in one way: as a whole, of one host if that is named,
// or host by host.
type view struct {
	name, doc string
	// at says that it is of a snapshot.
	at    bool
	whole func(w io.Writer, kept *fourtuple.Evidence, host string, style report.Style) error
	host  func(w io.Writer, heading string, h *evidence.Host, snapshot string) error
}

// views are all there are. To add one, name it here.
var views = []view{
	{name: "connections", doc: "the joined table of TCP connections", whole: func(w io.Writer, kept *fourtuple.Evidence, host string, style report.Style) error {
		return report.Connections(w, fourtuple.Judge(kept), host, style)
	}},
	{name: "datagrams", doc: "the joined table of UDP datagrams", whole: func(w io.Writer, kept *fourtuple.Evidence, host string, style report.Style) error {
		return report.Datagrams(w, fourtuple.Judge(kept), host, style)
	}},
	{name: "sockets", doc: "the socket tables, as netstat prints them", at: true, host: func(w io.Writer, heading string, h *evidence.Host, snapshot string) error {
		rows, err := report.SocketsAt(h, snapshot)
		if err != nil {
			return err
		}
		return report.Sockets(w, heading, rows)
	}},
	{name: "files", doc: "the programs' open files, sockets as lsof prints them", at: true, host: func(w io.Writer, heading string, h *evidence.Host, snapshot string) error {
		rows, err := report.FilesAt(h, snapshot)
		if err != nil {
			return err
		}
		return report.Files(w, heading, rows)
	}},
	{name: "packets", doc: "the captures, as a packet list", host: func(w io.Writer, heading string, h *evidence.Host, _ string) error {
		return report.Packets(w, heading, h.Packets)
	}},
	{name: "steps", doc: "what was done, step by step, and what was answered", whole: func(w io.Writer, kept *fourtuple.Evidence, host string, style report.Style) error {
		return report.Steps(w, kept.Run, host, style)
	}},
	{name: "account", doc: "what the hosts' agents told of their work, and when", host: func(w io.Writer, heading string, h *evidence.Host, _ string) error {
		return report.Account(w, heading, h.Events)
	}},
}

func viewNames() string {
	names := make([]string, 0, len(views))
	for _, v := range views {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}

func showCommand() *cobra.Command {
	var host, at string
	var lang language
	about := "Show a kept run.\n\n"
	for _, v := range views {
		about += fmt.Sprintf("%-12s %s\n", v.name, v.doc)
	}
	c := &cobra.Command{
		Use:   "show VIEW RUN",
		Short: "Show a kept run: " + viewNames(),
		Long:  strings.TrimSuffix(about, "\n"),
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			for _, v := range views {
				if v.name != args[0] {
					continue
				}
				if at != "" && !v.at {
					return fmt.Errorf("--at %s: %s are not of a snapshot, as sockets and files are", at, v.name)
				}
				return v.show(c.OutOrStdout(), args[1], host, at, lang)
			}
			return fmt.Errorf("no view is called %q; there are %s", args[0], viewNames())
		},
	}
	c.Flags().StringVar(&host, "host", "", "only this host")
	c.Flags().StringVar(&at, "at", "", "the sockets and files of this snapshot (default: the last one)")
	lang.addTo(c)
	return c
}

func (v view) show(w io.Writer, folder, host, at string, lang language) error {
	kept, err := fourtuple.Open(folder)
	if err != nil {
		return err
	}
	hosts := kept.Names()
	if host != "" {
		if kept.Hosts[host] == nil {
			return fmt.Errorf("--host %q: the run has no such host; it has %s", host, strings.Join(hosts, ", "))
		}
		hosts = []string{host}
	}
	if v.whole != nil {
		return v.whole(w, kept, host, styleFor(w, lang))
	}
	for i, name := range hosts {
		heading := ""
		if len(hosts) > 1 {
			heading = name
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := v.host(w, heading, kept.Hosts[name], at); err != nil {
			return err
		}
	}
	return nil
}
