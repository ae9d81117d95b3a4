"""Weighs the arms of a study against each other: costs, pesos, who gets what, and what is known of each theme."""
