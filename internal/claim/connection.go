package claim

import "github.com/fourtuple/fourtuple/internal/evidence"

// A Connection is a connection of the run as the verdict lists it.
type Connection struct {
	// Client and Server are the hosts; empty where no host of the lab has the
	// endpoint.
	Client string `json:"client"`
	Server string `json:"server"`
	// Source and destination are as the client's side has them, Translated as
	// the server's side has them, where a router translated addresses.
	evidence.FourTuple
	Translated *evidence.FourTuple `json:"translated,omitempty"`
	Witnesses  Witnesses           `json:"witnesses"`
}

func row(cc *connectionCase) Connection {
	c := Connection{
		Client: cc.Client.Host, Server: cc.Server.Host,
		FourTuple: cc.FourTuple, Translated: cc.Translated,
		Witnesses: make(Witnesses, len(witnessNames)),
	}
	for _, name := range witnessNames {
		c.Witnesses[name] = cc.lacks[name] == ""
	}
	return c
}
