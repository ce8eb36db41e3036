"""A server that is almost the post's: it answers in capitals. What is checked against it must find out.

Usage: wrong_server.py PORT
"""

import socket
import sys

server = socket.socket()
server.bind(("", int(sys.argv[1])))
server.listen(5)
print("Waiting for connections on port", server.getsockname()[1], flush=True)
while True:
    conn, address = server.accept()
    conn.send(b"Welcome to the Server\n")
    while data := conn.recv(2048):
        conn.sendall(b"Server Says: " + data.upper())
    conn.close()
