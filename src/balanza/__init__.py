"""Balanza weighs National Guard presence against prevention spending in Mexico's municipalities."""

import os

__version__ = "0.1.0"

# Sums differ in their last digits with the number of threads: one thread a job, set before numpy is loaded.
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
