// Package spawn is what happens in a new process before a program of a lab
// runs in it. The process is this program again, cloned into namespaces of its
// own (clone(2)). Its first words tell it what to do: mount what belongs to the
// host, become an ordinary user without any capability, and execute the
// program.
//
// # Why it runs in init
//
// A package that imports this one cannot be started as anything else by those
// who know Name: init looks at argument zero, and then never returns. It does
// so before most other packages are initialised, for the commands that use it
// spend 10 to 25 ms on those and 1,000 programs are started at once. Hence
// this package imports next to nothing.
//
// # How they talk
//
// Descriptor 3 is a stream socket. The parent writes a Request; the child
// answers Armed when it is ready to execute and will die with its parent; the
// parent answers Go, by which the child knows that there still was a parent
// when it was armed. When the program is executed the socket closes. Anything
// else that the child writes is a sentence that says why it could not.
package spawn
