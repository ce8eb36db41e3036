package capture

// Options are what a caller may choose. The zero value is ready to use.
type Options struct {
	// Backlog is how many bytes of packets may wait in the kernel, with the
	// kernel's own overhead (about 700 bytes for each packet). They take memory
	// only while they wait. 0 means 32 MiB. Without CAP_NET_ADMIN in the first
	// user namespace the kernel allows no more than twice net.core.rmem_max.
	Backlog int
}

// defaultBacklog holds 0.4 s of 100,000 small packets a second.
const defaultBacklog = 32 << 20

// Stats are the numbers of a capture.
type Stats struct {
	// Packets are in the file.
	Packets int
	// Dropped packets passed the filter and were lost for want of room: the
	// file does not have them.
	Dropped int
	// Unstamped packets carry the time of their reading, which is later than
	// that of their passing.
	Unstamped int
}
