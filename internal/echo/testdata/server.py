"""The post's echo server, written again from its description: the oracle for what goes over the wire.

Usage: server.py [PORT]. Port 0 takes any; the one it got is in its first line.
"""

import socket
import sys
import threading


def serve(conn):
    conn.send(b"Welcome to the Server\n")
    while True:
        data = conn.recv(2048)
        if not data:
            break
        conn.sendall(str.encode("Server Says: " + data.decode()))
    conn.close()


def main():
    server = socket.socket()
    server.bind(("", int(sys.argv[1]) if len(sys.argv) > 1 else 12000))
    server.listen(5)
    print("Waiting for connections on port", server.getsockname()[1], flush=True)
    while True:
        conn, address = server.accept()
        print("Connected to: " + address[0] + ":" + str(address[1]), flush=True)
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


main()
