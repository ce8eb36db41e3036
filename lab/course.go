package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// courseFile says in which order to learn from the labs beside it.
const courseFile = "course.yaml"

// A course is the labs of a folder in learning order.
type course struct {
	Title, About topology.Text
	Groups       []group
}

// A group is labs on one subject, by the names of their folders.
type group struct {
	Title topology.Text
	Labs  []string
}

// readCourse reads the course of a folder of labs, as far as it has them. Labs
// of the folder that are in no group come last.
func readCourse(folder string) (*course, error) {
	var c course
	text, err := os.ReadFile(filepath.Join(folder, courseFile))
	if err == nil {
		err = yaml.Unmarshal(text, &c)
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, courseFile), err)
	}
	names, others := labNames(folder), group{}
	for i := range c.Groups {
		g := &c.Groups[i]
		g.Labs = slices.DeleteFunc(g.Labs, func(name string) bool { return !slices.Contains(names, name) })
	}
	for _, name := range names {
		if !slices.ContainsFunc(c.Groups, func(g group) bool { return slices.Contains(g.Labs, name) }) {
			others.Labs = append(others.Labs, name)
		}
	}
	if len(c.Groups) > 0 {
		others.Title = topology.Text{EN: "Others", KO: "그 밖"}
	}
	if len(others.Labs) > 0 {
		c.Groups = append(c.Groups, others)
	}
	return &c, nil
}

// labNames are the folders of a folder that have a lab in them.
func labNames(folder string) (names []string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*", "compose.y*ml"))
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	return names
}

func listCommand() *cobra.Command {
	var lang language
	c := &cobra.Command{
		Use:   "list",
		Short: "List the labs there are, with their questions",
		Long: `List the labs there are in learning order, with their questions and, of a lab
whose last run is kept in runs/, the time that it took.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c.OutOrStdout(), c.ErrOrStderr(), lang) },
	}
	lang.addTo(c)
	return c
}

func list(stdout, stderr io.Writer, lang language) error {
	c, err := readCourse(labsFolder)
	if err != nil {
		return err
	}
	// In fourtuple's own folder the first lab is there twice.
	if exists(defaultLab) && !exists(filepath.Join(labsFolder, "three-clients")) {
		c.Groups = slices.Insert(c.Groups, 0, group{Labs: []string{defaultLab}})
	}
	if len(c.Groups) == 0 {
		return fmt.Errorf("no lab here: neither %s nor a folder in %s; change to fourtuple's folder, or name a lab's file", defaultLab, labsFolder)
	}
	var rows []table.Row
	titles := make(map[int]string) // above the row of that index
	for _, g := range c.Groups {
		titles[len(rows)] = g.Title.In(lang.Language)
		for _, name := range g.Labs {
			lab, err := load(name)
			if err != nil {
				complain(stderr, err) // it does not hide the others
				continue
			}
			took := ""
			if d := lastRun("runs", lab.Name); d > 0 {
				took = fmt.Sprintf("%.1f s", d.Seconds())
			}
			rows = append(rows, table.Row{"  " + report.Printable(name), took, "", report.Printable(lab.Question.In(lang.Language))})
		}
	}
	row := 0
	for line := range strings.Lines(report.Table(nil, rows, 2)) {
		if title := titles[row]; title != "" {
			line = report.Printable(title) + "\n" + line
		}
		if _, err := io.WriteString(stdout, line); err != nil {
			return err
		}
		row++
	}
	return nil
}

// lastRun is how long the last run of a lab took that is kept in a folder with
// its verdict, from the first to the last thing that a host's agent told; 0 if
// none is.
func lastRun(folder, lab string) time.Duration {
	runs, _ := filepath.Glob(filepath.Join(folder, lab+"-*", evidence.VerdictFile)) // sorted
	for _, verdict := range slices.Backward(runs) {
		run := filepath.Dir(verdict)
		if !regexp.MustCompile(`^-\d{8}-\d{6}\.\d{3}$`).MatchString(strings.TrimPrefix(filepath.Base(run), lab)) {
			continue
		}
		accounts, _ := filepath.Glob(filepath.Join(run, evidence.FileName("*", evidence.Agent)))
		var times []time.Time
		for _, account := range accounts {
			text, _ := os.ReadFile(account) // one that cannot be read tells no time
			for line := range strings.Lines(string(text)) {
				var event evidence.HostEvent
				if json.Unmarshal([]byte(line), &event) == nil {
					times = append(times, event.Time)
				}
			}
		}
		if len(times) > 0 {
			return slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare))
		}
	}
	return 0
}

// courseText are the words of the index that are not the labs' own.
var courseText = map[topology.Language]struct{ columns, other, otherFile string }{
	topology.English: {"| lab | question | what many believe, and it refutes |", "한국어", "README.ko.md"},
	topology.Korean:  {"| 실험 | 질문 | 많은 이가 믿지만 반박되는 것 |", "English", "README.md"},
}

// writeCourse writes the index of a folder of labs in Markdown.
func writeCourse(w io.Writer, folder string, l topology.Language) error {
	c, err := readCourse(folder)
	if err != nil {
		return err
	}
	text := courseText[l]
	fmt.Fprintf(w, "# %s\n\n%s\n\n[%s](%s)\n", c.Title.In(l), strings.TrimSpace(c.About.In(l)), text.other, text.otherFile)
	for _, g := range c.Groups {
		fmt.Fprintf(w, "\n## %s\n\n%s\n| --- | --- | --- |\n", g.Title.In(l), text.columns)
		for _, name := range g.Labs {
			lab, err := fourtuple.Load(filepath.Join(folder, name))
			if err != nil {
				return err
			}
			belief := ""
			if beliefs := claim.Beliefs(&lab.Lab); len(beliefs) > 0 {
				belief = beliefs[0].In(l)
			}
			fmt.Fprintf(w, "| [%s](%s/compose.yaml) | %s | %s |\n", name, name, cell(lab.Question.In(l)), cell(belief))
		}
	}
	return nil
}

// cell is text in a cell of a table in Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(strings.Join(strings.Fields(text), " "))
}
