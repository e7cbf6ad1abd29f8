"""New ids: random UUIDs (RFC 9562, version 4), a thousand for one call of the kernel: one ECN may need 200 000."""

from __future__ import annotations

import os

_TOGETHER = 1024
_DIGITS = 32  # hexadecimal digits an id
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """Makes ids, as `uuid.uuid4` does."""

    def __init__(self) -> None:
        self._random = ""
        self._place = _TOGETHER

    def __call__(self) -> str:
        """Return a new id."""
        if self._place == _TOGETHER:
            self._random, self._place = os.urandom(_TOGETHER * _DIGITS // 2).hex(), 0
        start = self._place * _DIGITS
        self._place += 1
        digits = self._random[start : start + _DIGITS]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
