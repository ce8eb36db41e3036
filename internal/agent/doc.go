// Package host is the host agent: what runs first on every host of a lab. It
// opens the witnesses, and only when they watch does it start the program, as
// an ordinary user without any capability. It writes down what they see, and
// flushes and seals everything before it ends.
//
// An Agent works in a Place: the network namespace of a host, wherever that
// is. Here is the place of an agent that is the first process of a container;
// the netns engine has places of its own and runs all agents in one process.
package agent
