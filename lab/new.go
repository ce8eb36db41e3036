package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
)

// newLab is the lab that `lab new` writes, and its control.
//
//go:embed new
var newLab embed.FS

// newName is what a lab's folder is called, as the lab has its name.
var newName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`)

func newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new NAME",
		Short: "Write a lab to begin with, labs/NAME",
		Long: `Write a lab to begin with: labs/NAME/compose.yaml, which comes out as it expects,
and control.yaml, the change under which it comes out otherwise. The folder must not
be there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return writeNew(c.OutOrStdout(), args[0]) },
	}
}

func writeNew(w io.Writer, name string) error {
	if !newName.MatchString(name) {
		return fmt.Errorf("%q cannot name a lab; use at most 63 letters, digits, - and _, and begin with a letter or digit", name)
	}
	folder := filepath.Join(labsFolder, name)
	if err := os.MkdirAll(labsFolder, 0o755); err != nil {
		return err
	}
	switch err := os.Mkdir(folder, 0o755); {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: nothing in it was touched", folder)
	case err != nil:
		return err
	}
	lab, err := fs.Sub(newLab, "new")
	if err != nil {
		return err
	}
	if err := os.CopyFS(folder, lab); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n%s\nrun it: lab run %s; changed so that it comes out otherwise: lab run %s --control\n",
		filepath.Join(folder, "compose.yaml"), filepath.Join(folder, controlFile), name, name)
	return err
}
