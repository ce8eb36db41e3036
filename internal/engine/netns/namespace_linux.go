package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// do makes the namespace as a child of the switch's, whose settings it
// inherits; the switch's own comes from wherever this process is.
func (s namespaceStep) do(w *worker, _ task) error {
	if s.host != theSwitch {
		if err := w.enter(theSwitch); err != nil {
			return err
		}
	}
	w.forget()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("%w: the system allows no more (user.max_net_namespaces)", err)
		}
		return err
	}
	w.at = s.host
	namespace, err := currentNamespace()
	if err != nil {
		return err
	}
	w.network.keep(s.host, namespace)
	return nil
}
