// Package files is the witness of a program's open files: what the kernel shows
// of every descriptor of a process in /proc/PID (proc(5)), with the columns and
// in the words of lsof(8), version 4.95 as in Debian 12.
//
//	/proc/PID/fd/7 ─ readlink ─► socket:[106532] ─ /proc/PID/net/tcp ─► *:12000 (LISTEN)
//
// It is a second witness of the host's sockets. Package sockets asks the kernel
// by sock_diag(7); this one reads the tables in the process's own /proc/PID/net,
// hence those of the network namespace the process is in, wherever the caller
// is. Both share nothing but the kernel.
//
// List looks at one process, Tree at a process and its descendants, each at
// every numbered descriptor and at cwd, rtd and txt. The files mapped into
// memory, lsof's mem and DEL rows, are left out: they tell of the program's
// libraries, not of its connections. Sizes and offsets are in bytes, offsets as
// 0t decimal, or 0x hexadecimal from 9 digits on. COMMAND is cut to 9 characters.
//
// A walk is not a photograph. A descriptor or a process that is gone before it
// was looked at has no row; whether the process itself was there at the start is
// told by ErrGone.
//
// # Permission
//
// The kernel shows another user's descriptors to those who may ptrace that
// user's processes (ptrace(2), "Ptrace access mode checking"). Root in a
// container may not: it lacks CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. What
// counts there is the file-system user ID of the calling thread. So a process
// that cannot be looked at plainly is looked at by a thread that took on the
// process's user and group by setfsuid(2), which needs CAP_SETUID and
// CAP_SETGID; the thread is thrown away afterwards. The process must be
// dumpable, and its permitted capabilities must be among the caller's effective
// ones. Where all this does not help, the error names the process and is
// fs.ErrPermission.
//
// # Differences from lsof
//
// Files on NFS carry no server's name, POSIX message queues are plain REG, and
// the txt row of a kernel thread is left out.
package files
