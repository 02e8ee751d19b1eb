"""Stands for a program: asks ``command_server.py`` to run a command, in hundredths of a second.

``python -IS command_client.py SOCKET locum ARGUMENTS...`` is what ``locum ARGUMENTS...`` is: its folder,
environment and descriptors are the command's, signals go there, and it ends as the command does.
"""

import json
import os
import signal
import socket
import sys

FORWARDED = (signal.SIGINT, signal.SIGTERM)

given = [
    number for number in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{number}")
]
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect(sys.argv[1])
    request = {
        "arguments": sys.argv[2:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "descriptors": given,
    }
    socket.send_fds(server, [json.dumps(request).encode()], given)
    for number in FORWARDED:
        signal.signal(number, lambda number, frame: server.send(str(number).encode()))
    status = int(server.recv(100) or -signal.SIGKILL)
if status < 0:
    for number in FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
