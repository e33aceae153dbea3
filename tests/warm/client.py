"""Has a server run a command: ``client.py LIGHT HEAVY NAME ARGUMENT...``."""

import json
import os
import socket
import sys

#: What commands need torch for, or much besides.
HEAVY = {"--measure", "compare", "runs", "train", "transplant", "verify"}


def main() -> int:
    light, heavy, name, *arguments = sys.argv[1:]
    needs_torch = name == "python" or not HEAVY.isdisjoint(arguments)
    streams = []
    for number in range(3):
        try:
            os.fstat(number)
            streams.append(number)
        except OSError:
            pass
    wanted = {
        "name": name,
        "arguments": arguments,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "streams": streams,
    }
    # Where a stream is closed, the next file gets its number: the server needs none.
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(heavy if needs_torch else light)
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
