package evidence

// A Translation is one entry of a router's conntrack table: Original is the
// four-tuple as the client's side has it, Translated as the server's side has
// it, both from client to server.
type Translation struct {
	Header
	Snapshot   int       `json:"snapshot"`
	Original   FourTuple `json:"original"`
	Translated FourTuple `json:"translated"`
}
