"""The causal graph: loaded from a file, asked what it identifies, and put to the test."""
