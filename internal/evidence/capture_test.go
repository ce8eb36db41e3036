package evidence

import (
	"bytes"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
)

// emptyCapture is a capture in which nothing passed.
func emptyCapture(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := pcapgo.NewNgWriter(&file, layers.LinkTypeEthernet)
	require.NoError(t, err)
	require.NoError(t, w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{LastUpdate: time.Unix(1, 0), PacketsReceived: 0, PacketsDropped: pcapgo.NgNoValue64}))
	require.NoError(t, w.Flush())
	return file.Bytes()
}
