"""Program names: one program, many spellings (path, case, the control's own decoration)."""

from __future__ import annotations

import re
from functools import lru_cache

_SINUMERIK_TAIL = re.compile(r"_(MPF|SPF|WPD)$")


def leaf(raw: str) -> str:
    """Return the last part of a path in any control's notation: `//CNC_MEM/USER/O1` → `O1`."""
    return re.split(r"[/\\]", raw.strip().strip("\0"))[-1].strip()


def normalised(raw: str) -> str:
    """Return the name for comparing: no path, upper case, no `_N_…_MPF` decoration, no `.MPF`/`.SPF` ending.

    `/_N_WKS_DIR/_N_X_WPD/_N_PALLET4_MPF`, `//NC/MPF.DIR/PALLET4.MPF` and `pallet4` are the same program.
    Source: shared facts on SINUMERIK path forms; other endings (`.H`, `.NC`, `.MIN`) belong to the name.
    """
    name = leaf(raw).upper()
    if name.startswith("_N_"):
        name = _SINUMERIK_TAIL.sub(r".\1", name[3:])
    return name.removesuffix(".MPF").removesuffix(".SPF")


@lru_cache(maxsize=65_536)
def key(raw: str, *, exact: bool = False) -> str:
    """Return the name under which the register keeps a program; `exact` leaves it as the machine writes it."""
    return raw.strip() if exact else normalised(raw)
