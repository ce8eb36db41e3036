package echo

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reply is what a server sends back when a message reaches it in these pieces.
func reply(pieces ...string) string {
	return Prefix + strings.Join(pieces, Prefix)
}

// cuttings is every way to cut a message into pieces, as the replies they lead to: what the parser must accept,
// found without it.
func cuttings(message string) []string {
	if len(message) == 0 {
		return []string{""}
	}
	var all []string
	for i := 1; i <= len(message); i++ {
		for _, rest := range cuttings(message[i:]) {
			all = append(all, Prefix+message[:i]+rest)
		}
	}
	return all
}

func TestRepliesAcceptsEveryCutting(t *testing.T) {
	for _, message := range []string{
		"a", "hello", "S", "SS", "xS", "안녕", Prefix, "x" + Prefix, Prefix + "S", "Server Sa", "\n", "\x00",
	} {
		for _, text := range cuttings(message)[:min(64, 1<<(len(message)-1))] {
			var r replies
			require.NoError(t, r.expect([]byte(message)))
			require.NoError(t, r.feed([]byte(text)), "%q to %q", text, message)
			assert.True(t, r.complete(), "%q to %q", text, message)
			assert.Empty(t, r.surplus(), "%q to %q", text, message)
			assert.Equal(t, text, string(r.next()))
		}
	}
}

func TestRepliesRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		message, text string
		at            int
	}{
		"another message":           {"hello", reply("hellp"), 18},
		"another prefix":            {"hello", "Server says: hello", 8},
		"no prefix":                 {"hello", "hello", 1},
		"an empty piece":            {"hello", reply("", "hello"), 14},
		"an empty last piece":       {"hello", reply("hello") + "x" + Prefix, 0}, // complete first: a surplus
		"half a piece twice":        {"hello", reply("he", "ello"), 29},
		"the greeting again":        {"hello", Greeting, 1},
		"a prefix inside a prefix":  {"hello", "Server S" + Prefix + "hello", 9},
		"the words of the message":  {Prefix + "x", Prefix + "x", 14},
		"a byte of a rune replaced": {"안", reply("\xec\x95\x89"), 16},
	} {
		t.Run(name, func(t *testing.T) {
			var r replies
			require.NoError(t, r.expect([]byte(c.message)))
			err := r.feed([]byte(c.text))
			if c.at == 0 {
				require.NoError(t, err)
				assert.NotEmpty(t, r.surplus())
				return
			}
			var wrong *WrongReplyError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, WrongReplyError{Message: []byte(c.message), Heard: []byte(c.text), At: c.at}, *wrong)
		})
	}
}

func TestRepliesWaitsForTheRest(t *testing.T) {
	var r replies
	require.NoError(t, r.expect([]byte("hello")))
	whole := reply("he", "llo")
	for _, b := range []byte(whole) {
		assert.False(t, r.complete())
		assert.Empty(t, r.next())
		require.NoError(t, r.feed([]byte{b}))
	}
	assert.True(t, r.complete())
	assert.Equal(t, whole, string(r.next()))
}

// A reply that is whole in one way may go on in another. What comes late belongs to what is handed out next.
func TestRepliesKeepsBothWaysOpen(t *testing.T) {
	var r replies
	require.NoError(t, r.expect([]byte("abS")))
	require.NoError(t, r.feed([]byte(Prefix+"abS")))
	assert.True(t, r.complete(), "the server may have read abS at once")
	assert.Equal(t, Prefix+"abS", string(r.next()))

	require.NoError(t, r.expect([]byte("next")))
	require.NoError(t, r.feed([]byte("erver Says: S")), "or first ab, then S")
	assert.False(t, r.complete())
	require.NoError(t, r.feed([]byte(reply("next"))))
	assert.True(t, r.complete())
	assert.Equal(t, "erver Says: S"+reply("next"), string(r.next()))
	assert.Empty(t, r.surplus())

	require.NoError(t, r.expect([]byte("last")))
	assert.Error(t, r.feed([]byte("erver Says: S")), "no way is left in which this may come again")
}

func TestRepliesTakesWhatComesEarly(t *testing.T) {
	var r replies
	require.NoError(t, r.feed([]byte(reply("one")+reply("two"))))
	assert.NotEmpty(t, r.surplus(), "nobody has asked yet")
	require.NoError(t, r.expect([]byte("one")))
	assert.Equal(t, reply("one"), string(r.next()))
	assert.NotEmpty(t, r.surplus())
	require.NoError(t, r.expect([]byte("two")))
	assert.Equal(t, reply("two"), string(r.next()))
	assert.Empty(t, r.surplus())

	require.NoError(t, r.feed([]byte("x")))
	assert.Error(t, r.expect([]byte("three")), "what came early is no reply to this")
}

func TestRepliesForgetsWhatIsSettled(t *testing.T) {
	var r replies
	for range 10_000 {
		require.NoError(t, r.expect([]byte("S")))
		require.NoError(t, r.feed([]byte(reply("S"))))
		r.next()
	}
	assert.Len(t, r.starts, 1)
	assert.Len(t, r.heard, len(reply("S")))
}

// Every conversation of two short messages that share bytes with Prefix, cut in every way and read in several,
// must be taken for right, however early the second message is sent.
func TestRepliesTakesEveryRightConversation(t *testing.T) {
	messages := words("Sex", 2)
	for _, first := range messages {
		for _, second := range messages {
			for _, stream := range conversations(first, second) {
				for early := range 20 {
					var r replies
					require.NoError(t, converse(&r, first, second, stream, 1+early, early))
					require.True(t, r.complete() && len(r.surplus()) == 0, "%q to %q and %q", stream, first, second)
				}
			}
		}
	}
}

// words is every word of up to that many letters.
func words(letters string, length int) []string {
	if length == 0 {
		return nil
	}
	all := strings.Split(letters, "")
	for _, rest := range words(letters, length-1) {
		for _, letter := range strings.Split(letters, "") {
			all = append(all, letter+rest)
		}
	}
	return all
}

// conversations is every right stream for two messages.
func conversations(first, second string) []string {
	var all []string
	for _, a := range cuttings(first) {
		for _, b := range cuttings(second) {
			all = append(all, a+b)
		}
	}
	return all
}

// FuzzReplies compares the parser, fed a whole stream in reads of any size and asked at any time, with the list
// of all streams that are right for two messages. The stream is one of them with some bytes replaced.
func FuzzReplies(f *testing.F) {
	f.Add("hello", "S", uint16(0), 0, 0, "", byte(3), byte(0))
	f.Add("abS", "S", uint16(1), 0, 0, "", byte(1), byte(16))
	f.Add("SS", "Se", uint16(3), 10, 0, "S", byte(40), byte(2))
	f.Add("a", "b", uint16(0), 26, 1, "c", byte(2), byte(0))
	f.Add("a", "b", uint16(0), 13, 14, "", byte(2), byte(0))
	f.Add("S", "e", uint16(2), 28, 0, "x", byte(7), byte(255))
	f.Fuzz(func(t *testing.T, first, second string, which uint16, from, length int, instead string, size, early byte) {
		if first == "" || second == "" || len(first)+len(second) > 12 || size == 0 {
			return
		}
		all := conversations(first, second)
		stream := all[int(which)%len(all)]
		if from < 0 || length < 0 || from > len(stream) || length > len(stream)-from {
			return
		}
		stream = stream[:from] + instead + stream[from+length:]
		possible := slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, stream) })

		var r replies
		err := converse(&r, first, second, stream, int(size), int(early))
		assert.Equal(t, slices.Contains(all, stream), err == nil && r.complete() && len(r.surplus()) == 0)
		if possible {
			assert.NoError(t, err)
		}
		if err == nil && !possible {
			assert.NotEmpty(t, r.surplus(), "only a third message could explain the rest")
		}
	})
}

// converse asks the second message when the first is answered and this many more bytes have come.
func converse(r *replies, first, second, stream string, size, early int) error {
	if err := r.expect([]byte(first)); err != nil {
		return err
	}
	asked := false
	ask := func(force bool) error {
		if asked || !r.complete() || len(r.surplus()) < early && !force {
			return nil
		}
		asked = true
		r.next()
		return r.expect([]byte(second))
	}
	for len(stream) > 0 {
		n := min(size, len(stream))
		if err := r.feed([]byte(stream[:n])); err != nil {
			return err
		}
		stream = stream[n:]
		if err := ask(false); err != nil {
			return err
		}
	}
	if err := ask(true); err != nil {
		return err
	}
	if !asked {
		r.whole = -1 // the second message was never asked, so the conversation is not over
	}
	return nil
}

// FuzzRepliesLong cuts messages of any length, and the stream into reads of any length.
func FuzzRepliesLong(f *testing.F) {
	f.Add([]byte("hello"), []byte{1, 2}, byte(3))
	f.Add([]byte(strings.Repeat(Prefix, 5)), []byte{13, 13, 13, 13}, byte(14))
	f.Add([]byte("SSSSSSSSSSSSSS"), []byte{1, 1, 1, 1, 1, 1}, byte(1))
	f.Fuzz(func(t *testing.T, message, cuts []byte, size byte) {
		if len(message) == 0 || len(message) > 1<<12 || size == 0 {
			return
		}
		var pieces []string
		rest := string(message)
		for _, cut := range cuts {
			if cut > 0 && int(cut) < len(rest) {
				pieces, rest = append(pieces, rest[:cut]), rest[cut:]
			}
		}
		stream := reply(append(pieces, rest)...)
		var r replies
		require.NoError(t, r.expect(message))
		for n := 0; n < len(stream); n += int(size) {
			require.NoError(t, r.feed([]byte(stream[n:min(n+int(size), len(stream))])))
		}
		assert.True(t, r.complete())
		assert.Empty(t, r.surplus())
		assert.Equal(t, stream, string(r.next()))
	})
}

func BenchmarkReplies(b *testing.B) {
	message := []byte(strings.Repeat("hello, Server! ", 1000))
	stream := []byte(reply(string(message)))
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		var r replies
		if r.expect(message) != nil || r.feed(stream) != nil || !r.complete() {
			b.Fatal("the reply was not accepted")
		}
	}
}
