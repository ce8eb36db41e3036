package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report RUN",
		Short: "Write a kept run's page, RUN/report.html",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			k, err := readRun(args[0])
			if err != nil {
				return err
			}
			if err := k.writePage(); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), filepath.Join(k.folder, evidence.ReportFile))
			return nil
		},
	}
}
