"""Found by Python at its start (PYTHONPATH): names of the documents lead to the servers of the tests, as in node.ts."""

import json
import os
import socket

_PORTS = json.loads(os.environ["SNIPPET_PORTS"])
_getaddrinfo = socket.getaddrinfo


def _led(host, port, *args, **more):
    there = _PORTS.get(f"{host}:{port}")
    return _getaddrinfo(host, port, *args, **more) if there is None else _getaddrinfo("127.0.0.1", there, *args, **more)


socket.getaddrinfo = _led
