"""New ids: random UUIDs (RFC 9562, version 4), a thousand for one call of the kernel: one ECN may need 200 000."""

from __future__ import annotations

import os

_TOGETHER = 1024
_DIGITS = 32  # hexadecimal digits an id
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Ids:
    """Makes ids, as `uuid.uuid4` does."""

    def __init__(self) -> None:
        self._ready: list[str] = []

    def __call__(self) -> str:
        """Return a new id."""
        if not self._ready:
            self._ready = _some()
        return self._ready.pop()


def _some() -> list[str]:
    digits = os.urandom(_TOGETHER * _DIGITS // 2).hex()
    each = [digits[start : start + _DIGITS] for start in range(0, len(digits), _DIGITS)]
    return [f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}" for d in each]
