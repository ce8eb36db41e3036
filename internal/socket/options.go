package socket

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// An option is one that setsockopt(2) can set. Level and constant are the C
// names.
type option struct {
	name, level, constant string
	parse                 func(text string) ([]int, error)
}

// options are all there are; socket(7), tcp(7), ip(7) and ipv6(7) explain them.
// To add one, name it here, and in constants.
var options = []option{
	{"reuseaddr", "SOL_SOCKET", "SO_REUSEADDR", onOff},
	{"reuseport", "SOL_SOCKET", "SO_REUSEPORT", onOff},
	{"keepalive", "SOL_SOCKET", "SO_KEEPALIVE", onOff},
	{"linger", "SOL_SOCKET", "SO_LINGER", linger},
	{"rcvbuf", "SOL_SOCKET", "SO_RCVBUF", number},
	{"sndbuf", "SOL_SOCKET", "SO_SNDBUF", number},
	{"v6only", "SOL_IPV6", "IPV6_V6ONLY", onOff},
	{"nodelay", "SOL_TCP", "TCP_NODELAY", onOff},
	{"user_timeout", "SOL_TCP", "TCP_USER_TIMEOUT", number},
	{"keepidle", "SOL_TCP", "TCP_KEEPIDLE", number},
	{"keepintvl", "SOL_TCP", "TCP_KEEPINTVL", number},
	{"keepcnt", "SOL_TCP", "TCP_KEEPCNT", number},
	{"bind_address_no_port", "SOL_IP", "IP_BIND_ADDRESS_NO_PORT", onOff},
	{"local_port_range", "SOL_IP", "IP_LOCAL_PORT_RANGE", portRange},
}

func onOff(text string) ([]int, error) {
	switch text {
	case "on", "1":
		return []int{1}, nil
	case "off", "0":
		return []int{0}, nil
	}
	return nil, errors.New("on or off")
}

func number(text string) ([]int, error) {
	n, err := parseNumber("", text, 1<<31-1)
	if err != nil {
		return nil, errors.New("a number")
	}
	return []int{n}, nil
}

// linger is l_onoff and l_linger.
func linger(text string) ([]int, error) {
	if text == "off" {
		return []int{0, 0}, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, errors.New("off, or a number of seconds")
	}
	return []int{1, int(n)}, nil
}

// portRange is the option's value: the low port in the lower 16 bits, the high
// one in the upper.
func portRange(text string) ([]int, error) {
	var ports []uint16
	for _, part := range strings.Split(text, "-") {
		port, err := parsePort(part)
		if err != nil {
			ports = nil
			break
		}
		ports = append(ports, port)
	}
	if len(ports) != 2 || !slices.IsSorted(ports) {
		return nil, errors.New("two ports, as 50000-50009")
	}
	return []int{int(ports[1])<<16 | int(ports[0])}, nil
}
