"""The command line: one verb per rule of the workflow, with the same name. Each imports only what it needs."""
