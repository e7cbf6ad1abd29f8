"""Rows as earlier releases wrote them: each stays as it is until it is written anew."""

from __future__ import annotations

import json


def lifted(doc: str | bytes) -> str | None:
    """Return a requirement or an obligation in today's shape, None when it is in no earlier one.

    Up to the third schema it was the demand that named the machine.
    """
    try:
        row = json.loads(doc)
        machine = row["demand"].pop("machine")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return json.dumps({"machine": machine, **row}, ensure_ascii=False)
