"""The outlook: a baseline forecast with its scores, and scenarios laid over it."""
