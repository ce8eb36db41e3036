// Package nat makes a router translate addresses, as a home router does: the
// source of what it forwards onto an interface becomes the router's own address
// there (RFC 3022's NAPT, nft(8)'s masquerade). The port stays as it is unless
// another connection has it.
//
// Both engines use it: it works on the network namespace of the calling thread,
// wherever that is. Linux only; elsewhere Masquerade returns an error.
package nat
