"""The suites that hold every estimator and every check to the contract."""
