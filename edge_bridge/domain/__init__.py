"""The heart: from files and readings to verdicts. Pure: no clock, network, disk, asyncio or logging."""
