package report

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestHTML(t *testing.T) {
	for name, page := range pages() {
		golden(t, "page-"+name+".html", func(w io.Writer) error { return HTML(w, page) })
	}
}

func pages() map[string]Page {
	translated := masqueradedLab()
	translated.Question = "공유기 뒤의 세 클라이언트를 서버는 어떤 주소로 볼까?"
	return map[string]Page{
		"holds":   {sampleLab(), sampleRun(visits()), sampleVerdict(visits())},
		"refuted": {translated, sampleRun(masqueraded()), refuted()},
		"busy":    {busyLab(), &evidence.Run{}, claim.Verdict{Lab: "busy", Outcome: claim.NotShown}},
	}
}

// The page needs nothing but itself, has an outline, and says its figures in
// words.
func TestPageIsSelfContained(t *testing.T) {
	for name, page := range pages() {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, complaints(parse(t, page)))
		})
	}
}

// The controls: what a page must not have is found where it is.
func TestComplaintsAreMade(t *testing.T) {
	for _, bad := range []string{
		`<script>1</script>`, `<p onclick="x">`, `<img src="x">`, `<a href="http://x">x</a>`, `<svg></svg>`,
		`<table><tr><td>1</table>`, `<h2>x</h2><h4>y</h4>`, `<p id="a"><p id="a">`, `<link rel="x">`, `<iframe></iframe>`,
	} {
		root, err := html.Parse(strings.NewReader("<h1>x</h1>" + bad))
		require.NoError(t, err)
		require.NotEmpty(t, complaints(root), bad)
	}
}

func parse(t *testing.T, page Page) *html.Node {
	t.Helper()
	var b strings.Builder
	require.NoError(t, HTML(&b, page))
	root, err := html.Parse(strings.NewReader(b.String()))
	require.NoError(t, err)
	return root
}

// complaints says what is wrong with a document.
func complaints(root *html.Node) (found []string) {
	ids := make(map[string]bool)
	level := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "iframe", "link", "img", "object", "embed", "form", "a":
			found = append(found, "element "+n.Data)
		case "h1", "h2", "h3", "h4":
			next := int(n.Data[1] - '0')
			if next > level+1 {
				found = append(found, "heading "+n.Data+" too deep")
			}
			level = next
		case "svg":
			if child(n, "title") == "" || child(n, "desc") == "" {
				found = append(found, "svg without words")
			}
		case "table":
			if child(n, "caption") == "" {
				found = append(found, "table without caption")
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" {
				found = append(found, "attribute "+a.Key)
			}
			if a.Key == "id" && ids[a.Val] {
				found = append(found, "id twice: "+a.Val)
			} else if a.Key == "id" {
				ids[a.Val] = true
			}
		}
	}
	return found
}

// child is the text of an element's child.
func child(n *html.Node, name string) string {
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode && c.Data == name && c.FirstChild != nil {
			return c.FirstChild.Data
		}
	}
	return ""
}

func TestPageSaysWhatIsWrongWithEvidence(t *testing.T) {
	run, err := evidence.Load(fstest.MapFS{
		"lab.yml":              {Data: []byte("x")},
		"server.sockets.jsonl": {Data: []byte("{}\n")},
	})
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, HTML(&b, Page{sampleLab(), run, claim.Verdict{Lab: "x", Outcome: claim.NotShown}}))
	require.Contains(t, b.String(), "server.host.jsonl is missing")
	require.Contains(t, b.String(), "There is no socket table of server.")
}

// Large labs and runs end in numbers, not in megabytes.
func TestLargePage(t *testing.T) {
	lab := sampleLab()
	var many []visit
	for i := range 1000 {
		v := visits()[0]
		v.source = netip.AddrPortFrom(v.source.Addr(), uint16(20000+i))
		v.translated, v.inode = v.source, uint64(50000+i)
		many = append(many, v)
		lab.Hosts = append(lab.Hosts, topology.Host{Name: fmt.Sprintf("idle%d", i), Links: []topology.Link{link("cafe", "10.12.1.99/24")}})
	}
	var b strings.Builder
	require.NoError(t, HTML(&b, Page{lab, sampleRun(many), sampleVerdict(many)}))
	require.Less(t, b.Len(), 1<<20)
	require.NotContains(t, b.String(), `id="topology-title"`, "a table takes the drawing's place")
	require.Contains(t, b.String(), "idle999")
	require.Contains(t, b.String(), "800 more connections are not shown here")
	require.Contains(t, b.String(), "976 more connections are not shown here")
	require.Contains(t, b.String(), "801 more rows are not shown here")
}

func TestSummary(t *testing.T) {
	for want, outcomes := range map[string][]claim.Outcome{
		"The lab makes no claims.":                            nil,
		"Its one claim holds.":                                {claim.Holds},
		"Its one claim is refuted.":                           {claim.Refuted},
		"Its one claim is not shown.":                         {claim.NotShown},
		"All 2 claims hold.":                                  {claim.Holds, claim.Holds},
		"Of 2 claims, 2 are not shown.":                       {claim.NotShown, claim.NotShown},
		"Of 3 claims, 1 is refuted, 1 is not shown, 1 holds.": {claim.Holds, claim.Refuted, claim.NotShown},
		"Of 3 claims, 1 is not shown, 2 hold.":                {claim.Holds, claim.NotShown, claim.Holds},
	} {
		var findings []claim.Finding
		for _, o := range outcomes {
			findings = append(findings, claim.Finding{Outcome: o})
		}
		require.Equal(t, want, summary(findings))
	}
}
