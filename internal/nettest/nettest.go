// Package nettest is what tests share that need a network: what they need of
// the machine, and namespaces joined by veth pairs.
package nettest
