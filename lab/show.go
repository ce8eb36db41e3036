package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
)

// A view shows a kept run in one way.
type view struct {
	name, short string
	show        func(io.Writer, *kept, []string) error
}

var views = []view{
	{"connections", "the joined table of connections", showConnections},
	{"sockets", "the socket tables, as netstat prints them", eachHost(report.Sockets, func(h *evidence.Host) []evidence.Socket { return report.LastSnapshot(h.Sockets) })},
	{"files", "the programs' open files, as lsof prints them", eachHost(report.Files, func(h *evidence.Host) []evidence.File { return report.LastSnapshot(h.Files) })},
	{"packets", "the captures, as a packet list", eachHost(report.Packets, func(h *evidence.Host) []evidence.Packet { return h.Packets })},
}

func showCommand() *cobra.Command {
	var host string
	c := &cobra.Command{
		Use:   "show connections|sockets|files|packets RUN",
		Short: "Show a kept run as a joined table, as netstat, as lsof, as a packet list",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := viewNamed(args[0])
			if err != nil {
				return err
			}
			k, err := readRun(args[1])
			if err != nil {
				return err
			}
			hosts, err := k.hosts(host)
			if err != nil {
				return err
			}
			return v.show(c.OutOrStdout(), k, hosts)
		},
	}
	c.Flags().StringVar(&host, "host", "", "only this host")
	return c
}

func viewNamed(name string) (view, error) {
	var names []string
	for _, v := range views {
		if v.name == name {
			return v, nil
		}
		names = append(names, v.name)
	}
	return view{}, fmt.Errorf("no view is called %q; there are %s", name, strings.Join(names, ", "))
}

// hosts are the run's hosts, or the one that was asked for.
func (k *kept) hosts(only string) ([]string, error) {
	names := k.run.Names()
	if only == "" {
		return names, nil
	}
	if k.run.Hosts[only] == nil {
		return nil, fmt.Errorf("--host %s: the run has no such host; it has %s", only, strings.Join(names, ", "))
	}
	return []string{only}, nil
}

func showConnections(w io.Writer, k *kept, _ []string) error {
	return report.Connections(w, k.verdict, styleFor(w))
}

// eachHost makes a view that shows rows host by host, with headings where
// there is more than one.
func eachHost[R any](show func(io.Writer, string, []R) error, rows func(*evidence.Host) []R) func(io.Writer, *kept, []string) error {
	return func(w io.Writer, k *kept, hosts []string) error {
		for i, name := range hosts {
			heading := ""
			if len(hosts) > 1 {
				heading = name
			}
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := show(w, heading, rows(k.run.Hosts[name])); err != nil {
				return err
			}
		}
		return nil
	}
}
