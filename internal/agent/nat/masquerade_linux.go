package nat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tableName is the nftables table that holds the rules.
const tableName = "fourtuple"

// batch is how many rules the kernel takes in one message without larger socket
// buffers; at 200 it answers ENOBUFS.
const batch = 64

// Masquerade makes the calling thread's network namespace replace the source
// of what it sends through each of these interfaces by its own address there.
// It takes CAP_NET_ADMIN, and a kernel with nf_tables and its masquerade
// expression. Connections are tracked from the first rule on, so it has to be
// called before they begin. Without interfaces it does nothing.
func Masquerade(interfaces []string) error {
	if len(interfaces) == 0 {
		return nil
	}
	for _, name := range interfaces {
		if len(name) == 0 || len(name) >= unix.IFNAMSIZ {
			return fmt.Errorf("masquerade on %q: an interface's name has 1 to %d bytes", name, unix.IFNAMSIZ-1)
		}
	}
	kernel, err := nftables.New()
	if err != nil {
		return fmt.Errorf("masquerade: open nftables: %w", err)
	}
	chain := addChain(kernel)
	for names := range slices.Chunk(interfaces, batch) {
		for _, name := range names {
			addRule(kernel, chain, name)
		}
		if err := kernel.Flush(); err != nil {
			return fmt.Errorf("masquerade on %s: %w", strings.Join(names, ", "), err)
		}
	}
	return nil
}

// addChain queues the chain that packets pass last before they leave.
func addChain(kernel *nftables.Conn) *nftables.Chain {
	table := kernel.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName})
	return kernel.AddChain(&nftables.Chain{
		Name:     "postrouting",
		Table:    table,
		Type:     nftables.ChainTypeNAT,
		Hooknum:  nftables.ChainHookPostrouting,
		Priority: nftables.ChainPriorityNATSource,
	})
}

// addRule queues `oifname NAME masquerade`.
func addRule(kernel *nftables.Conn, chain *nftables.Chain, name string) {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	kernel.AddRule(&nftables.Rule{
		Table: chain.Table,
		Chain: chain,
		Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: padded},
			&expr.Masq{},
		},
	})
}
