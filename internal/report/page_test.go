package report

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

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
	pages := map[string]Page{"busy": {busyRun(), claim.Verdict{Lab: "busy", Outcome: claim.NotShown}, ""}}
	for name, sample := range map[string]func() (*evidence.Run, claim.Verdict){"holds": holds, "refuted": refuted} {
		run, v := sample()
		pages[name] = Page{run, v, ""}
	}
	run, v := asked()
	pages["korean"] = Page{run, v, topology.Korean}
	return pages
}

// The page needs nothing but itself, has an outline, and says its figures in
// words.
func TestPageIsSelfContained(t *testing.T) {
	for name, page := range pages() {
		require.Empty(t, complaints(parse(t, page)), name)
	}
	for _, bad := range []string{
		`<script>1</script>`, `<p onclick="x">`, `<img src="x">`, `<a href="http://x">x</a>`, `<figure></figure>`,
		`<table><tr><td>1</table>`, `<h2>x</h2><h4>y</h4>`, `<p id="a"><p id="a">`, `<link rel="x">`, `<iframe></iframe>`,
	} {
		root, err := html.Parse(strings.NewReader("<h1>x</h1>" + bad))
		require.NoError(t, err)
		require.NotEmpty(t, complaints(root), "the control: %s", bad)
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
	ids, count := make(map[string]bool), make(map[string]int)
	level := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		switch n.Data {
		case "script", "iframe", "link", "img", "object", "embed", "form", "a":
			found = append(found, "element "+n.Data)
		case "h1", "h2", "h3", "h4":
			next := int(n.Data[1] - '0')
			if next > level+1 {
				found = append(found, "heading "+n.Data+" too deep")
			}
			level = next
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" {
				found = append(found, "attribute "+a.Key)
			}
			if a.Key == "id" && ids[a.Val] {
				found = append(found, "id twice: "+a.Val)
			}
			ids[a.Val] = ids[a.Val] || a.Key == "id"
		}
	}
	if count["figure"] != count["figcaption"] || count["table"] != count["caption"] {
		found = append(found, "a figure or a table without words")
	}
	return found
}

// Large labs and runs end in numbers, not in megabytes.
func TestLargePage(t *testing.T) {
	run, v := holds()
	for i := range 1000 {
		addConnection(run, "client1", netip.AddrPortFrom(netip.MustParseAddr("10.12.1.10"), uint16(10000+i)), "x", false)
		run.Lab.Hosts = append(run.Lab.Hosts, topology.Host{Name: fmt.Sprintf("idle%d", i), Links: []topology.Link{link("cafe", "10.12.1.99/24")}})
		run.Orphans = append(run.Orphans, evidence.Orphan{})
		v.Connections = append(v.Connections, v.Connections[0])
	}
	writes := 0
	require.NoError(t, HTML(writerFunc(func(p []byte) (int, error) {
		writes++
		page := string(p)
		require.Less(t, len(page), 1<<20)
		require.NotContains(t, page, `class="drawing"`, "a table takes the drawing's place")
		for _, want := range []string{
			"idle999", "803 more connections are not shown here", "979 more connections are not shown here",
			"804 more rows are not shown here", "800 more are not shown here",
		} {
			require.Contains(t, page, want)
		}
		return len(p), nil
	}), Page{run, v, ""}))
	require.Equal(t, 1, writes)
}

// hostilePage says s wherever a text of the evidence can stand.
func hostilePage(s string) Page {
	run, v := refuted()
	lab := run.Lab
	lab.Question, lab.Explanation, v.Lab, run.LabHash = topology.Text{EN: s, KO: s}, topology.Text{EN: s, KO: s}, s, s
	withSteps(run)
	run.Steps[1].Step.Line, run.Steps[1].Host, run.Steps[1].Answer = s, s, &evidence.ProgramEvent{Text: s, Error: s}
	lab.Subnets[1].Name, lab.Hosts[1].Name, lab.Hosts[1].Links[0].Subnet = s, s, s
	lab.Hosts[4].Links[1].Subnet, lab.Hosts[4].Masquerade, lab.Clients[0] = s, []string{s}, s
	v.Claims[0] = claim.Finding{Claim: s, Text: topology.Text{EN: s, KO: s}, Reason: s + s, Outcome: claim.Outcome(s), Expected: claim.Outcome(s), Missing: s, Rows: []claim.Row{{File: "f", Text: s}}}
	v.Connections[0].Client, v.Connections[1].Server, v.Connections[2].Path = s, s, []claim.Hop{{Host: s}}
	v.Datagrams[0].Sender, v.Datagrams[0].Text, v.Datagrams[0].Path = s, s, []claim.Hop{{Host: s}}
	v.Versions = claim.Versions{Fourtuple: s, Engine: s, Kernel: s}
	run.Defects[0], run.Orphans[0] = s, evidence.Orphan{Host: s, Witness: evidence.Witness(s), What: s}
	for _, h := range run.Hosts {
		h.Name, h.Defects = s, map[evidence.Witness]string{evidence.Sockets: s}
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		c.Client.Host, c.Conflicts, c.Lacks["server.files"] = s, []string{s}, s
		for j := range c.Server.Packets {
			c.Server.Packets[j].Payload, c.Server.Packets[j].Interface = []byte(s), s
		}
	}
	run.Hosts[s] = run.Hosts["server"]
	return Page{run, v, ""}
}

// What evidence says is text of the page and never its structure, and nothing
// of it is invisible.
func FuzzHTML(f *testing.F) {
	for _, seed := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>`, `</title>`, `' onload='x`,
		"\x00", "\u202e", "</svg></figure>", "{{.}}", "javascript:alert(1)", "\xff<", "<!--", "]]>", "a\nb", "\x1b[2J",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, structure(parse(t, hostilePage("x"))), structure(parse(t, hostilePage("x"+s))))
		var b strings.Builder
		require.NoError(t, HTML(&b, hostilePage("x"+s)))
		require.NotRegexp(t, unprintable, b.String())
	})
}

// structure is a document's elements with the names of their attributes.
func structure(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			continue
		}
		fmt.Fprint(&b, n.Type, n.Data)
		for _, a := range n.Attr {
			b.WriteString("." + a.Key)
		}
		b.WriteString(" ")
	}
	return b.String()
}
