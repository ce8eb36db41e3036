// Command lab, in the images of a lab's hosts, is a host's agent and the
// programs under study, and nothing else.
package main

func main() {}
