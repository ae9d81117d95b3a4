"""What a run has done, does, and could not do, read from what Snakemake and the jobs leave behind."""
