package run

import "context"

// A Host is what the conductor asks of a host. Each step returns when it is
// done.
type Host interface {
	// Open sets what must be set and opens the witnesses: when it returns,
	// they watch.
	Open(ctx context.Context) error
	// Start starts the program.
	Start(ctx context.Context) error
	// Settle waits until the program has done what it does by itself: it
	// listens, holds its connection open, or has ended.
	Settle(ctx context.Context) error
	// Snapshot writes down sockets, open files and translations.
	Snapshot(ctx context.Context) error
	// Stop ends the program, and waits until it has ended.
	Stop(ctx context.Context) error
	// Close flushes and seals what the witnesses wrote.
	Close(ctx context.Context) error
}
