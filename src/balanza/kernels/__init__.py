"""Numbers made from arrays: pure functions that return frozen dataclasses. Only numpy and scipy.linalg are needed."""
