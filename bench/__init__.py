"""Benchmarks: what the design promises in numbers, measured on this machine, ratios within one run."""
