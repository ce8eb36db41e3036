package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// defaultLab is the lab of `lab run` without arguments, labsFolder where the
// further ones are.
const (
	defaultLab = "docker-compose.yml"
	labsFolder = "labs"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the labs there are, one line each",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return listLabs(".", c.OutOrStdout(), c.ErrOrStderr())
		},
	}
}

// listLabs lists the labs below a folder. One that cannot be read is told of,
// and does not hide the others.
func listLabs(folder string, stdout, stderr io.Writer) error {
	files, err := filepath.Glob(filepath.Join(folder, labsFolder, "*", defaultLab))
	if err != nil {
		return err
	}
	if first := filepath.Join(folder, defaultLab); exists(first) {
		files = append([]string{first}, files...)
	}
	if len(files) == 0 {
		return fmt.Errorf("no lab here: neither %s nor %s; change to fourtuple's folder, or name a lab's file", defaultLab, filepath.Join(labsFolder, "*", defaultLab))
	}
	rows := table.NewWriter()
	rows.SetStyle(plain)
	rows.SuppressTrailingSpaces()
	for _, file := range files {
		lab, err := topology.Load(file, os.Environ())
		if err != nil {
			fmt.Fprintf(stderr, "lab: %v\n", err)
			continue
		}
		rows.AppendRow(table.Row{file, lab.Name, lab.Question})
	}
	_, err = fmt.Fprintln(stdout, rows.Render())
	return err
}

// plain is a table without lines.
var plain = table.Style{Box: table.BoxStyle{PaddingRight: "  "}}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
