"""What leaves the run: where its numbers come from, tables for papers, the brief, and the archive."""
