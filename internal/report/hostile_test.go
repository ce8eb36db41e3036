package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/fourtuple/fourtuple/internal/claim"
)

// hostilePage says s wherever a text of the evidence can stand.
func hostilePage(s string) Page {
	lab, run, v := sampleLab(), sampleRun(visits()), sampleVerdict(visits())
	lab.Question, v.Lab = s, s
	lab.Subnets[1].Name, lab.Hosts[1].Name, lab.Hosts[1].Links[0].Subnet = s, s, s
	lab.Hosts[4].Links[1].Subnet, lab.Hosts[4].Masquerade = s, []string{s}
	v.Claims[0] = claim.Finding{Claim: s, Text: s, Reason: s, Outcome: claim.Outcome(s)}
	v.Connections[0].Client, v.Connections[1].Server = s, s
	for _, h := range run.Hosts {
		h.Name = s
		for i := range h.Packets {
			h.Packets[i].Payload = []byte(s)
		}
		for i := range h.Sockets {
			h.Sockets[i].State += s
		}
		for i := range h.Files {
			h.Files[i].Command, h.Files[i].User, h.Files[i].FD, h.Files[i].Name = s, s, s, s
			h.Files[i].State += s
		}
	}
	run.Hosts[s] = run.Hosts["client1"]
	return Page{lab, run, v}
}

// What evidence says is text of the page and never its structure.
func FuzzHTML(f *testing.F) {
	for _, seed := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>`, `</title>`, `' onload='x`,
		"\x00", "\u202e", "</svg></figure>", "{{.}}", "javascript:alert(1)", "\xff<", "<!--", "]]>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, structure(parse(t, hostilePage("x"))), structure(parse(t, hostilePage("x"+s))))
	})
}

// structure is a document's elements with the names of their attributes. A
// label that is too long is cut, but it is there.
func structure(root *html.Node) string {
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			b.WriteString("comment ")
		}
		if n.Type != html.ElementNode || n.Data == "svg" || n.Data == "mark" {
			continue // an svg's class follows its width, a mark what lsof said
		}
		b.WriteString(n.Data)
		for _, a := range n.Attr {
			b.WriteString("." + a.Key)
		}
		b.WriteString(" ")
	}
	return b.String()
}

func TestHostileTextIsShown(t *testing.T) {
	var b strings.Builder
	require.NoError(t, HTML(&b, hostilePage("<script>alert(1)</script>")))
	require.NotContains(t, b.String(), "<script")
	require.Contains(t, b.String(), "&lt;script&gt;alert(1)&lt;/script&gt;")
}
