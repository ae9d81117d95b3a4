"""The specification curve: one study in all defensible variants, after Simonsohn, Simmons and Nelson (2020)."""
