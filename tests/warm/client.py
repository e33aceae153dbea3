"""Has the server run a command: ``client.py SOCKET NAME ARGUMENT...``."""

import json
import os
import socket
import sys


def main() -> int:
    streams = []
    for number in range(3):
        try:
            os.fstat(number)
            streams.append(number)
        except OSError:
            pass
    wanted = {
        "name": sys.argv[2],
        "arguments": sys.argv[3:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "streams": streams,
    }
    # Where a stream is closed, the next file gets its number: the server needs none.
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        data = json.dumps(wanted).encode()
        header = len(data).to_bytes(4, "big")
        if streams:
            socket.send_fds(server, [header], streams)
        else:
            server.sendall(header)
        server.sendall(data)
        status = server.recv(4)
    return int.from_bytes(status, "big") if status else 70


sys.exit(main())
