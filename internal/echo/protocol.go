package echo

import "time"

// The protocol's constants, byte for byte those of the post's Python programs.
const (
	// Greeting is what a server sends first on each connection it accepts.
	Greeting = "Welcome to the Server\n"
	// Prefix comes before each chunk that a server sends back.
	Prefix = "Server Says: "
	// ChunkSize is the most bytes that a server reads, and so sends back, at once.
	ChunkSize = 2048
)

// Defaults of the two commands.
const (
	// DefaultAddress is where a server listens: port 12000 of every IPv4 address.
	DefaultAddress = ":12000"
	// DefaultGrace is how long a server that was told to stop lets open connections go on.
	DefaultGrace = 5 * time.Second
	// DefaultWriteTimeout is how long a server waits for a peer to take bytes, when Server.WriteTimeout is zero.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultRetry is how long a client goes on trying to reach a server.
	DefaultRetry = 10 * time.Second
	// DefaultTimeout is how long a client waits for the greeting and for each reply.
	DefaultTimeout = 10 * time.Second
)
