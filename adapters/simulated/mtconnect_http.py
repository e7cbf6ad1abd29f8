"""How a simulated MTConnect agent answers over HTTP: whole documents, and the parts of a stream."""

from __future__ import annotations

BOUNDARY = "5f3c4c8e2d1b4a6f"
STREAM = (
    b"HTTP/1.1 200 OK\r\nServer: simulated\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    + f"Content-Type: multipart/x-mixed-replace;boundary={BOUNDARY}\r\n\r\n".encode()
)
"""What comes before the first part."""


def whole(status: int, document: str) -> bytes:
    """Return an answer with one document in it."""
    body = document.encode()
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}[status]
    return (
        f"HTTP/1.1 {status} {reason}\r\nServer: simulated\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def part(document: str) -> bytes:
    """Return one document of a stream, as one chunk."""
    body = document.encode()
    inside = (
        f"\r\n--{BOUNDARY}\r\nContent-type: text/xml\r\nContent-length: {len(body)}\r\n\r\n".encode() + body + b"\r\n"
    )
    return f"{len(inside):x}\r\n".encode() + inside + b"\r\n"
