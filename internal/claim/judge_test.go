package claim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

func judged(t testing.TB, s *evidencetest.Sample) claim.Verdict {
	t.Helper()
	dir := t.TempDir() + "/run"
	s.Write(t, dir)
	run, err := evidence.Load(dir)
	require.NoError(t, err)
	return claim.Judge(run)
}

func outcomes(v claim.Verdict) map[string]claim.Outcome {
	found := make(map[string]claim.Outcome)
	for _, f := range v.Claims {
		found[f.Claim] = f.Outcome
	}
	return found
}

func TestWholeEvidenceHolds(t *testing.T) {
	v := judged(t, evidencetest.New(evidencetest.Options{}))
	assert.Equal(t, claim.Holds, v.Outcome, "%+v", v)
	t.Logf("%+v", v)
}

func TestMasqueradeIsRefuted(t *testing.T) {
	v := judged(t, evidencetest.New(evidencetest.Options{Masquerade: true}))
	assert.Equal(t, claim.Refuted, v.Outcome, "%+v", v)
	t.Logf("%+v", v)
}
