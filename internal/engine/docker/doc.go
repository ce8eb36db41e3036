// Package docker is the engine that makes a lab real as containers on bridge
// networks, as docker-compose.yml does, but by the Docker Engine's API
// (https://docs.docker.com/reference/api/engine/): from version 1.41, Docker
// 20.10, on.
//
// Engine runs a lab, BuildImages gives an engine the images for it without a
// registry, Clean removes what runs left that were killed.
//
// # A run
//
// Every host is a container whose first process is the host's agent. One more
// container, on no network, is the conductor: Conduct is what it does. This
// process only builds, waits and removes. The run folder is mounted into all
// of them, and nothing else is.
//
// This process leads the conductor by the conductor's standard streams. In
// comes the lab's text up to a line "...", the end of a document in YAML, upon
// which the conductor takes the run folder; then a line "up" when all hosts
// run, upon which it conducts. Out comes what it has done, a line of JSON each.
// The conductor ends its run, with whatever evidence there is, when its
// standard input ends: when this process wants it to, and also when this
// process was killed.
//
// # What is left, and what is alive
//
// All that a run makes has the labels org.fourtuple=lab, org.fourtuple.run=ID
// and, containers, org.fourtuple.part. Each thing is noted before it is asked
// for, and no request is cut off on its way: so all that was made is known,
// and is removed whatever happened.
//
// A run lives as long as its conductor's container runs. No process ids are
// compared: they would say nothing about another machine's or another
// container's processes that use the same engine. A run starts its conductor
// within 30 seconds or gives up, so Clean waits that long for a run that has
// none.
//
// # Errors
//
// An error of Run means that the lab could not be run; that a claim is refuted
// or a host died is none. Errors of the engine are passed on in its own words.
package docker
