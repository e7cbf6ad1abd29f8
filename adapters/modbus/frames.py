"""Pure: looks at an answer's bytes before the library does. pymodbus drops what it cannot parse and then waits in vain,
or raises inside the event loop; a technician deserves the reason, at once.

Layout: Modbus messaging on TCP/IP 1.0b, 3.1.3 (transaction 2, protocol 2, length 2, unit 1), then function 1 and data.
"""

from __future__ import annotations

_HEADER = 7
_LONGEST = 254  # unit, function and data: 1 + 253 bytes


def complaint(request: bytes, answer: bytes) -> tuple[str, str] | None:
    """Return what is wrong with the bytes received so far as an answer to `request`, and a hint; None: fine, or not all here."""
    if len(answer) < _HEADER + 1:
        return None
    length, function = int.from_bytes(answer[4:6], "big"), answer[7]
    if answer[2:4] != b"\0\0" or not 2 <= length <= _LONGEST:
        return "the answer is not Modbus TCP", "check the port: another protocol answers there"
    if len(answer) < 6 + length:
        return None
    if answer[:2] != request[:2]:
        return "the answer belongs to another request", "check for a gateway that several clients share"
    if answer[6] != request[6]:
        return (
            f"unit {answer[6]} answered, unit {request[6]} was asked",
            f"write `unit: {answer[6]}` if that is the PLC",
        )
    if function == request[7] | 0x80:
        return None if length >= 3 else ("half an answer: an exception without its code", "")
    if function != request[7]:
        return f"function {function} was answered, function {request[7]} was asked", "check for a faulty gateway"
    return _half_an_answer(request, answer[8 : 6 + length])


def _half_an_answer(request: bytes, data: bytes) -> tuple[str, str] | None:
    count = int.from_bytes(request[10:12], "big")
    expected = 2 * count if request[7] in (3, 4) else (count + 7) // 8
    if len(data) == expected + 1 and data[0] == expected:
        return None
    said = data[0] if data else 0
    what = f"half an answer: {expected} bytes were asked, {said} announced, {max(len(data) - 1, 0)} came"
    return what, "check for a gateway or PLC that limits the number of registers in one request"
