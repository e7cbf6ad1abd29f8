"""Garbage that refers to itself, which Python has to look for: here it is rare, and most of what is alive stays for ever."""

from __future__ import annotations

import gc

YOUNG = 20_000  # objects made and not let go of between two looks: a few megabytes


def look_seldom() -> None:
    """Never look again through what there is now, and seldom through what is new. Call it when the start is over.

    A look at everything takes a tenth of a second, in which no machine is judged; what one turn of the ledger makes is in use
    until it is committed, and gone then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
