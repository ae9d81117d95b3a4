"""A process that has imported what verbs need, and forks for each job of a run: a job then costs no start."""
