"""Scores estimators where the truth is known: in drawn synthetic worlds, and in real rows with an injected effect."""
