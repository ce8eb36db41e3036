package echo

import "golang.org/x/sys/windows"

// The numbers of Windows Sockets 2: see "Windows Sockets Error Codes" in Microsoft's documentation.
var (
	shortage     = causes{windows.WSAEMFILE, windows.WSAENOBUFS, windows.ERROR_NOT_ENOUGH_MEMORY}
	passing      = causes{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETDOWN}
	notUpYet     = causes{windows.WSAECONNREFUSED, windows.WSAECONNRESET, windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAENETDOWN, windows.WSAETIMEDOUT}
	notAvailable = causes{windows.WSAEADDRNOTAVAIL}
	inUse        = causes{windows.WSAEADDRINUSE}
	reset        = causes{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAESHUTDOWN}
)
