package netns

import "github.com/fourtuple/fourtuple/internal/agent/nat"

func (s masqueradeStep) do(w *worker, t task) error {
	if err := w.enter(t.host); err != nil {
		return err
	}
	return nat.Masquerade(s.interfaces)
}
