package socket

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goodLines are lines, and what of them matters most.
var goodLines = map[string]func(l *line) bool{
	"s = socket tcp":                       func(l *line) bool { return l.name == "s" && l.kind == "tcp" },
	"s=socket udp6":                        func(l *line) bool { return l.name == "s" && l.kind == "udp6" },
	"s= socket tcp6":                       func(l *line) bool { return l.name == "s" && l.kind == "tcp6" },
	"  socket\tudp ":                       func(l *line) bool { return l.name == "" && l.kind == "udp" },
	"bind s 0.0.0.0:12000":                 func(l *line) bool { return l.socket == "s" && l.address.ip.Is4() && l.address.port == 12000 },
	"bind 3 [::]:0":                        func(l *line) bool { return l.socket == "3" && l.address.ip.Is6() && l.address.port == 0 },
	"bind s [fe80::1%eth0]:1":              func(l *line) bool { return l.address.ip.Zone() == "eth0" },
	"listen s 2":                           func(l *line) bool { return !l.short && l.socket == "s" && l.backlog == 2 },
	"listen s":                             func(l *line) bool { return !l.short && l.backlog == defaultBacklog },
	"listen s backlog 0":                   func(l *line) bool { return !l.short && l.backlog == 0 },
	"listen 3 2":                           func(l *line) bool { return !l.short && l.socket == "3" && l.backlog == 2 },
	"listen 12000":                         func(l *line) bool { return l.short && l.address.host == "0.0.0.0" && l.address.port == 12000 },
	"listen 12000 backlog 2":               func(l *line) bool { return l.short && l.socket == "" && l.backlog == 2 && l.kind == "tcp" },
	"s = listen [::]:80 backlog 2":         func(l *line) bool { return l.short && l.name == "s" && l.kind == "tcp6" },
	"accept":                               func(l *line) bool { return l.socket == "" && l.within == time.Second },
	"c = accept s within 300ms":            func(l *line) bool { return l.name == "c" && l.socket == "s" && l.within == 300*time.Millisecond },
	"connect server:12000":                 func(l *line) bool { return l.short && l.address.host == "server" && !l.address.ip.IsValid() },
	"c = connect [fd12::10]:80":            func(l *line) bool { return l.short && l.kind == "tcp6" && l.name == "c" },
	"connect c 10.12.0.10:80 within 2s":    func(l *line) bool { return !l.short && l.socket == "c" && l.within == 2*time.Second },
	"send c hello  world":                  func(l *line) bool { return l.socket == "c" && string(l.data) == "hello  world" },
	"send hello":                           func(l *line) bool { return l.socket == "" && string(l.data) == "hello" },
	`send "hello world"`:                   func(l *line) bool { return l.socket == "" && string(l.data) == "hello world" },
	`send c "a\r\n\x00"`:                   func(l *line) bool { return string(l.data) == "a\r\n\x00" },
	`send c "to be within 2s"`:             func(l *line) bool { return string(l.data) == "to be within 2s" && l.within == defaultWait },
	"send c 100000 bytes within 200ms":     func(l *line) bool { return l.socket == "c" && len(l.data) == 100_000 },
	"send 3 bytes":                         func(l *line) bool { return l.socket == "" && string(l.data) == "xxx" },
	"send c bytes":                         func(l *line) bool { return l.socket == "c" && string(l.data) == "bytes" },
	"recv":                                 func(l *line) bool { return l.socket == "" && l.size == defaultSize },
	"recv c 10":                            func(l *line) bool { return l.socket == "c" && l.size == 10 },
	"sendto s 10.12.0.1:5 a b":             func(l *line) bool { return l.address.port == 5 && string(l.data) == "a b" },
	"recvfrom s":                           func(l *line) bool { return l.size == defaultSize },
	"shutdown c WR":                        func(l *line) bool { return l.socket == "c" && l.how == "WR" },
	"shutdown SHUT_RDWR":                   func(l *line) bool { return l.socket == "" && l.how == "RDWR" },
	"close":                                func(l *line) bool { return l.socket == "" },
	"getpeername c":                        func(l *line) bool { return l.socket == "c" },
	"setsockopt s reuseaddr on":            func(l *line) bool { return l.option.constant == "SO_REUSEADDR" && l.value[0] == 1 },
	"setsockopt s linger 0":                func(l *line) bool { return l.value[0] == 1 && l.value[1] == 0 },
	"setsockopt s linger off":              func(l *line) bool { return l.value[0] == 0 },
	"setsockopt s rcvbuf 4096":             func(l *line) bool { return l.value[0] == 4096 },
	"setsockopt s local_port_range 50-100": func(l *line) bool { return l.value[0] == 100<<16|50 },
	"fork w":                               func(l *line) bool { return l.name == "w" },
	"w: close s":                           func(l *line) bool { return l.child == "w" && l.rest == "close s" },
	"exit":                                 func(l *line) bool { return l.call == "exit" },
}

func TestLines(t *testing.T) {
	for typed, right := range goodLines {
		l, err := parse(typed)
		require.NoError(t, err, typed)
		assert.True(t, right(l), "%s: %+v", typed, l)
	}
}

// Every mistake is one sentence that says what to write.
func TestMistakes(t *testing.T) {
	for typed, want := range map[string]string{
		"":                                `an empty line is no call`,
		"lisen 12000":                     `there is no call "lisen"; do you mean listen?`,
		"Accept":                          `there is no call "Accept"; do you mean accept?`,
		"frobnicate":                      `there is no call "frobnicate"; there are socket, bind, listen, accept, connect, send, recv, sendto, recvfrom, shutdown, close, setsockopt, getsockname, getpeername, fork, exit, help`,
		"w: lisen 12000":                  `there is no call "lisen"; do you mean listen?`,
		"w:":                              `there is no call "w:"; there are socket, bind, listen, accept, connect, send, recv, sendto, recvfrom, shutdown, close, setsockopt, getsockname, getpeername, fork, exit, help`,
		"s = ":                            `there is no call ""; there are socket, bind, listen, accept, connect, send, recv, sendto, recvfrom, shutdown, close, setsockopt, getsockname, getpeername, fork, exit, help`,
		"3 = socket tcp":                  `"3" is no name for a socket: letters, digits and _, a letter first`,
		"close = socket tcp":              `"close = socket tcp": write close [SOCKET]`,
		"= socket tcp":                    `"" is no name for a socket: letters, digits and _, a letter first`,
		"x = close c":                     `close makes no socket that x could be the name of`,
		"socket":                          `"socket": write socket tcp|udp|tcp6|udp6`,
		"socket tpc":                      `there is no socket "tpc"; do you mean tcp?`,
		"bind 0.0.0.0:12000":              `"bind 0.0.0.0:12000": write bind SOCKET ADDRESS:PORT`,
		"bind s 12000":                    `"12000" is no address: want ADDRESS:PORT, as 10.12.0.10:12000, [fd12::10]:12000 or server:12000`,
		"bind s 10.12.0:80":               `"10.12.0" is no IPv4 address`,
		"bind s 10.12.0.300:80":           `"10.12.0.300" is no IPv4 address`,
		"bind s fd12::10:80":              `"fd12::10:80": an IPv6 address stands in brackets, as [fd12::10]:12000`,
		"bind s [10.12.0.1]:80":           `"[10.12.0.1]:80" is no IPv6 address in brackets, as [fd12::10]:12000`,
		"bind s [fd12::10:80":             `"[fd12::10:80" is no IPv6 address in brackets, as [fd12::10]:12000`,
		"connect server:65536":            `"server:65536" is no address: want ADDRESS:PORT, as 10.12.0.10:12000, [fd12::10]:12000 or server:12000`,
		"c = connect s 10.12.0.1:80":      `"c = connect s 10.12.0.1:80": write connect [SOCKET] ADDRESS:PORT`,
		"listen":                          `"listen": write listen SOCKET [BACKLOG], or listen PORT|ADDRESS:PORT [backlog N]`,
		"listen s many":                   `"many" is no backlog: want 0 to 2147483647`,
		"listen s 2 3":                    `"listen s 2 3": write listen SOCKET [BACKLOG], or listen PORT|ADDRESS:PORT [backlog N]`,
		"accept s within soon":            `within soon: want a time of at most an hour, as 300ms or 2s`,
		"accept s within -1s":             `within -1s: want a time of at most an hour, as 300ms or 2s`,
		"bind s 0.0.0.0:1 within 1s":      `bind does not wait, so there is nothing to be within`,
		"send":                            `"send": write send [SOCKET] TEXT, or send [SOCKET] N bytes`,
		`send c "a`:                       `"a is not quoted as in "a text\r\n"`,
		"send c 99999999 bytes":           `"99999999" is no number of bytes: want 0 to 16777216`,
		"recv c x":                        `"x" is no number of bytes: want 0 to 16777216`,
		"recvfrom":                        `"recvfrom": write recvfrom SOCKET [BYTES]`,
		"sendto s 10.12.0.1:5":            `"sendto s 10.12.0.1:5": write sendto SOCKET ADDRESS:PORT TEXT`,
		"shutdown c W":                    `there is no direction "W"; do you mean WR?`,
		"shutdown c writing":              `there is no direction "writing"; there are RD, WR, RDWR`,
		"setsockopt s reuseadr on":        `there is no option "reuseadr"; do you mean reuseaddr?`,
		"setsockopt s reuseaddr yes":      `setsockopt reuseaddr yes: want on or off`,
		"setsockopt s linger on":          `setsockopt linger on: want off, or a number of seconds`,
		"setsockopt s rcvbuf -1":          `setsockopt rcvbuf -1: want a number`,
		"setsockopt s local_port_range 5": `setsockopt local_port_range 5: want two ports, as 50000-50009`,
		"fork":                            `"fork": write fork NAME`,
		"fork 2":                          `"2" is no name for a child: letters, digits and _, a letter first`,
		"exit now":                        `"exit now": write exit`,
	} {
		l, err := parse(typed)
		if err == nil && l.child != "" {
			_, err = parse(l.rest)
		}
		assert.EqualError(t, err, want, typed)
	}
}

// Mistakes that show in what was typed before; without one, a line is right.
func TestScripts(t *testing.T) {
	for _, script := range [][][2]string{
		{{"s = socket tcp"}, {"bind s 0.0.0.0:12000"}, {"listen s 2"}, {"a = accept s"}, {"send a hello there"}, {"close 7"}, {"close a"}, {"close a"}},
		{{"listen 12000"}, {"accept"}, {"recv"}, {"connect server:12000"}, {"connect 10.12.0.99:12000"}},
		{{"bind s 0.0.0.0:1", "there is no socket s: none has been made"}},
		{{"server = socket tcp"}, {"bind sever 0.0.0.0:1", `there is no socket "sever"; do you mean server?`}},
		{{"s = socket tpc", `there is no socket "tpc"; do you mean tcp?`}, {"bind s 0.0.0.0:1"}},
		{{"s = socekt tcp", `there is no call "socekt"; do you mean socket?`}, {"bind s 0.0.0.0:1"}},
		{{"connect sever:12000", `there is no host "sever"; do you mean server?`}},
		{{"send hello world", `there is no socket hello; a text of several words, for the last connection, is quoted: send "hello world"`}},
		{{"w: close 3", "there is no child w: fork w makes one"}},
		{{"s = socket tcp"}, {"fork w"}, {"w: a = accept s"}, {"w: send a hi"}, {"w: close b", `there is no socket "b"; there are s, a`}, {"w: fork v"}, {"w: v: close s"}},
	} {
		s := Script{Hosts: []string{"client", "server"}}
		for _, line := range script {
			if err := s.Check(line[0]); line[1] == "" {
				assert.NoError(t, err, line[0])
			} else {
				assert.EqualError(t, err, line[1], line[0])
			}
		}
	}
	assert.NoError(t, new(Script).Check("connect anywhere:1"))
}

// Whatever is typed is a line or one sentence, and what has been read of a line
// says the same when it is written again.
func FuzzCheck(f *testing.F) {
	for typed := range goodLines {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		l, err := parse(typed)
		if err != nil {
			assert.NotEmpty(t, err.Error())
			assert.Error(t, new(Script).Check(typed))
			return
		}
		if l.child != "" {
			assert.True(t, strings.HasSuffix(strings.TrimSpace(typed), l.rest))
			return
		}
		again, err := parse("  " + typed + "\t")
		require.NoError(t, err)
		l.option.parse, again.option.parse = nil, nil
		assert.Equal(t, l, again)
		assert.LessOrEqual(t, len(l.data), max(largest, len(typed)))
		assert.True(t, l.within >= 0 && l.within <= longestWait)
	})
}
