"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A machine with other work takes longer for an example than its usual 200 ms, which says nothing of the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
