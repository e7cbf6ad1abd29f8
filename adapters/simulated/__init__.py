"""Simulated controllers: real protocol servers around one pure model of a machine, for tests, demo and trying settings."""
