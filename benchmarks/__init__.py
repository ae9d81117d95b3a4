"""Speed and memory of this package's estimators beside other packages'; `python -m benchmarks --help`."""
