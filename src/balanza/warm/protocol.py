"""What a job and the warm process say to each other, over a socket of the file system."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

ENVIRONMENT = "BALANZA_WARM"
"""The variable that names the socket; without it jobs run in processes of their own."""
COLD = b"cold"
"""The answer where the warm process holds code that has changed since."""
LOST = "the warm process of this run is gone, and the job with it. Start the run again; it goes on where it stopped."
_LENGTH = struct.Struct("!Q")


def send(connection: socket.socket, message: bytes) -> None:
    """Send one message."""
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket) -> bytes:
    """One message, or nothing if the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    return _exactly(connection, _LENGTH.unpack(head)[0]) if head else b""


def send_request(connection: socket.socket, request: dict[str, Any]) -> None:
    """Hand over a job with the three standard streams."""
    socket.send_fds(connection, [b"+"], [0, 1, 2])
    send(connection, json.dumps(request).encode())


def receive_request(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A job and its streams; None if the other side is gone."""
    mark, streams, _, _ = socket.recv_fds(connection, 1, 3)
    message = receive(connection) if mark else b""
    return (json.loads(message), streams) if message else None


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
