"""A process that commits and says so, to be killed: prints `epoch last_sequence sent_upto` after each acknowledged turn."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random

from tests.integration.store_samples import TODAY, Tally, events, open_store


async def write(path: Path, seed: int) -> None:
    """Commit batches, move the position and forget old events, for ever."""
    random = Random(seed)
    store = open_store(path)
    while True:
        last = store.last_sequence + random.randrange(1, 50)
        batch = events(store.last_sequence + 1, last, body=bytes(random.randrange(1, 2000)))
        await store.run(store.commit, {"machine": {"m1": Tally(last)}}, batch)
        if random.random() < 0.3:
            await store.mark_sent(last)
        if random.random() < 0.02:
            await store.retain(TODAY, 5_000_000)
        print(store.epoch, store.last_sequence, store.sent_upto, flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
