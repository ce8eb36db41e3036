package main

import "github.com/spf13/cobra"

func judgeCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "judge RUN",
		Short: "Judge a kept run again, from its evidence alone",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			j, err := readRun(args[0])
			if err != nil {
				return err
			}
			return j.print(asJSON, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the verdict as one JSON object")
	return c
}
