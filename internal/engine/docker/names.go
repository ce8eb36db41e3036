package docker

import (
	"crypto/rand"
	"encoding/hex"
)

// The labels of all that a run makes.
const (
	labelKind = "org.fourtuple"      // kindLab or kindImage
	labelRun  = "org.fourtuple.run"  // the run's id
	labelPart = "org.fourtuple.part" // of a container: a host's name, or conductorPart

	kindLab   = "lab"
	kindImage = "image"

	// conductorPart cannot be a host's name.
	conductorPart = "."
)

// serverImage and clientImage are what BuildImages builds. The conductor's
// container is made of the first.
const (
	serverImage = "fourtuple/server"
	clientImage = "fourtuple/client"
)

// newID is a name that no other run has: 32 random bits.
func newID() string {
	var id [4]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// objectName is the name of a run's container or network.
func objectName(run, part string) string { return "fourtuple-" + run + "-" + part }

// conductorName is unlike any host's.
func conductorName(run string) string { return "fourtuple-" + run + ".conductor" }

func labels(run string) map[string]string {
	return map[string]string{labelKind: kindLab, labelRun: run}
}

func partLabels(run, part string) map[string]string {
	l := labels(run)
	l[labelPart] = part
	return l
}
