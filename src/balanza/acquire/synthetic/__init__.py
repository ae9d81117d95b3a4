"""A full-size synthetic Mexico with a known truth, written as raw files in the official layouts."""
