"""Claims: what a study says in one sentence, what it withstood, and how it is graded by stated rules."""
