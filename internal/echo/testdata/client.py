"""The post's echo client, written again from its description.

Usage: client.py HOST PORT
"""

import socket
import sys

s = socket.socket()
s.connect((sys.argv[1], int(sys.argv[2])))
print(s.recv(2048).decode(), end="")
while True:
    message = input("input message ")
    if message == "exit":
        break
    s.send(message.encode())
    print("fromServer: " + s.recv(2048).decode())
s.close()
