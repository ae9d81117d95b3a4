"""One estimator a file, found by being there: `SPEC` says what it can do, `estimate` does it."""
