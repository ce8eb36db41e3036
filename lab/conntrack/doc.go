// Package conntrack is the witness of a router's connection tracking table.
package conntrack
