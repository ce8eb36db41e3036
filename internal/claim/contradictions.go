package claim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// contradictions notes where the witnesses of a connection, each of them whole,
// do not say the same. The later witness of two gets the note; neither is
// believed.
func contradictions(c *evidence.Connection, lacks map[string]string) {
	note := func(witness, against, why string) {
		if why != "" && lacks[witness] == "" && lacks[against] == "" {
			lacks[witness] = fmt.Sprintf("contradicts %s: %s", against, why)
		}
	}
	note("server.files", "server.sockets", differentInodes(&c.Server))
	note("server.packets", "client.packets", differentStreams(c))
	note("client.program", "client.packets", differentAccount(&c.Client))
	note("server.program", "server.packets", differentAccount(&c.Server))
}

// inodes of a side's rows in the socket table, without those that no process
// holds any more.
func inodes(s *evidence.Side) []uint64 {
	var found []uint64
	for _, row := range s.Sockets {
		if row.Inode != 0 {
			found = append(found, row.Inode)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func fileInodes(s *evidence.Side) []uint64 {
	var found []uint64
	for _, f := range s.Files {
		found = append(found, f.Inode)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func differentInodes(s *evidence.Side) string {
	table, open := inodes(s), fileInodes(s)
	if slices.Equal(table, open) {
		return ""
	}
	return fmt.Sprintf("the socket's inode is %d in the socket table, %d among the open files", table, open)
}

func differentStreams(c *evidence.Connection) string {
	fromClient := evidence.Reassemble(c.Client.Packets, c.Client.Local)
	if !bytes.Equal(fromClient.Data, evidence.Reassemble(c.Server.Packets, c.Server.Remote).Data) {
		return "what left the client is not what reached the server"
	}
	toClient := evidence.Reassemble(c.Client.Packets, c.Client.Remote)
	if !bytes.Equal(toClient.Data, evidence.Reassemble(c.Server.Packets, c.Server.Local).Data) {
		return "what left the server is not what reached the client"
	}
	return ""
}

// differentAccount compares what the program says it sent and received with
// the capture of its own host. What reached the host after the program read
// for the last time is no contradiction, nor is a program that tells nothing
// of its messages.
func differentAccount(s *evidence.Side) string {
	sent, received := said(s.Accounts, evidence.SaidSent), said(s.Accounts, evidence.SaidReceived)
	if wire := evidence.Reassemble(s.Packets, s.Local).Data; sent != nil && !bytes.Equal(sent, wire) {
		return fmt.Sprintf("it says that it sent %d bytes, the capture has %d or others", len(sent), len(wire))
	}
	if wire := evidence.Reassemble(s.Packets, s.Remote).Data; received != nil && !bytes.HasPrefix(wire, received) {
		return fmt.Sprintf("it says that it received %d bytes, the capture has %d or others", len(received), len(wire))
	}
	return ""
}

// said is the payload of all events of a kind; nil if there was none.
func said(accounts []evidence.Account, event string) []byte {
	var all []byte
	for _, a := range accounts {
		if a.Event == event {
			all = append(all, a.Payload()...)
		}
	}
	return all
}
