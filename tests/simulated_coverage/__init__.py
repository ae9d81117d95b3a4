"""Simulated coverage: designs with known effects, draws of them, and the table of what intervals cover."""
