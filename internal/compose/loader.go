package compose

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// The loader warns through logrus's one global logger and cannot be told not
// to. What it warns of is an error here, or ignored on purpose.
func init() { logrus.SetOutput(io.Discard) }

// maxNodes bounds the loader's walk over the YAML. Its own bound, 100,000, is
// met by a lab of some 1,500 hosts.
const maxNodes = 10_000_000

// projectName is for the loader only, which wants one.
const projectName = "lab"

// load has compose-go read the text: merged, variables replaced, in its long
// syntax and valid by its schema. It reports the keys that a lab cannot have.
func load(r *report, options ...func(*loader.Options)) (project *types.Project, err error) {
	defer func() {
		// The loader asserts types that its schema does not always promise.
		if cause := recover(); cause != nil {
			project, err = nil, fmt.Errorf("the Compose loader gave up: %v", cause)
		}
	}()
	details := types.ConfigDetails{
		WorkingDir:  ".",
		Environment: r.environment,
	}
	for _, f := range r.files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.Path, Content: f.Text})
	}
	var refused []loader.UnsupportedAttribute
	options = append(options, withoutDisk,
		loader.WithSupportedAttributes(allowedKeys(), func(found []loader.UnsupportedAttribute) { refused = found }))
	model, err := loader.LoadModelWithContext(context.Background(), details, options...)
	if err != nil {
		return nil, err
	}
	refuse(refused, model, r)
	details = types.ConfigDetails{WorkingDir: "."}
	return loader.ModelToProject(model, loader.ToOptions(&details, []func(*loader.Options){withoutDisk}), details)
}

// withoutDisk skips whatever reads further files, and what would write this
// machine's paths and names into the model.
func withoutDisk(o *loader.Options) {
	o.SetProjectName(projectName, true)
	o.SkipInclude, o.SkipExtends = true, true
	o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
	o.SkipNormalization = true
	// What services refer to is checked in this package, with lines; and the
	// loader's own search for circles takes 2ⁿ steps where each of n services
	// depends on all before it.
	o.SkipConsistencyCheck = true
	o.Profiles = []string{"*"} // a refused key does not hide its service
	o.ResolvePaths = false
	o.MaxNodeVisits = maxNodes
}

// loaderErrors are what the loader's messages look like: a key, and a reason.
var loaderErrors = []*regexp.Regexp{
	regexp.MustCompile(`^error while interpolating (\S+?): (?s:(.*))$`),
	regexp.MustCompile(`(?s)^decoding failed.*\n'([^']+)' (.*)$`),
	regexp.MustCompile(`^((?:services|networks|volumes|configs|secrets)[^\s:]*):? (?s:(.*))$`),
}

// addLoader reports an error of the loader where it belongs: its messages name
// keys, and no lines.
func (r *report) addLoader(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.addLoader(e)
		}
		return
	}
	text := err.Error()
	if k, ok := strings.CutPrefix(text, "cannot override "); ok {
		r.add(strings.Split(k, "."), "it is another kind of value than in the file before, a list for text or the like; write the same kind")
		return
	}
	for _, f := range r.files {
		text = strings.TrimPrefix(text, "validating "+f.Path+": ")
	}
	for _, form := range loaderErrors {
		if m := form.FindStringSubmatch(text); m != nil {
			r.add(strings.Split(inKeys.Replace(m[1]), "."), "%s", m[2])
			return
		}
	}
	r.addAt(r.nowhere(), nil, "%s", text)
}

// inKeys writes the loader's services[server] and a.[].b as keys.
var inKeys = strings.NewReplacer(".[]", ".[0]", "[", ".", "]", "")
