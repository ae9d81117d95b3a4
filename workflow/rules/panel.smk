# Needs: data/raw/<world>/<file>.
# Makes: results/<world>/tidy/<reader>.parquet, results/<world>/panel/*.parquet, results/<world>/quality.json,
#        results/<world>/summary/*.parquet.
SUMMARY = ["national", "municipal", "municipalities", "states"]
PANELS = ["municipality_month", "state_month", "state_year", "municipalities"]


rule tidy:
    """Read the raw files of one layout into one tidy table."""
    input:
        files=lambda wildcards: list(READERS[wildcards.reader].values()),
        code=lambda wildcards: code(
            "balanza.verbs.tidy", f"balanza.sources.{wildcards.reader}"
        ),
    output:
        table=f"{RESULTS}/tidy/{{reader}}.parquet",
        left_out=f"{RESULTS}/tidy/{{reader}}.left_out.json",
    log:
        messages=f"{RESULTS}/logs/tidy/{{reader}}.log",
        cost=f"{RESULTS}/benchmarks/tidy/{{reader}}.tsv",
    resources:
        **asked("tidy"),
    params:
        files=lambda wildcards: [
            f"--file={i}={path}" for i, path in READERS[wildcards.reader].items()
        ],
    message:
        "Reading {wildcards.reader}"
    shell:
        "{PYTHON} --cost {log.cost} tidy {wildcards.reader} {params.files:q} --out {output.table} &> {log.messages}"


rule panel:
    """Build the panels in the constant units of January 2000, and the record of their quality."""
    input:
        tidy=expand(f"{RESULTS}/tidy/{{reader}}.parquet", reader=sorted(READERS)),
        tables=[
            "data/municipality_births.csv",
            "data/municipality_aliases.csv",
            "data/guard_repairs.csv",
        ],
        code=code("balanza.verbs.panel"),
    output:
        panels=expand(f"{RESULTS}/panel/{{panel}}.parquet", panel=PANELS),
        quality=f"{RESULTS}/quality.json",
    log:
        messages=f"{RESULTS}/logs/panel.log",
        cost=f"{RESULTS}/benchmarks/panel.tsv",
    resources:
        **asked("panel"),
    params:
        options=[
            "--headquarters" if RUN.guard_headquarters else "--no-headquarters",
            "--education" if RUN.jcf_education else "--no-education",
        ],
    message:
        "Building the panel"
    shell:
        "{PYTHON} --cost {log.cost} panel {input.tidy:q} --out {RESULTS}/panel --quality {output.quality} {params.options} &> {log.messages}"


rule summarise:
    """Write the national series, last year's municipal rates and light outlines."""
    input:
        panels=expand(f"{RESULTS}/panel/{{panel}}.parquet", panel=PANELS),
        code=code("balanza.verbs.summarise"),
    output:
        expand(f"{RESULTS}/summary/{{table}}.parquet", table=SUMMARY),
    log:
        messages=f"{RESULTS}/logs/summarise.log",
        cost=f"{RESULTS}/benchmarks/summarise.tsv",
    resources:
        **asked("summarise"),
    message:
        "Summarising the world"
    shell:
        "{PYTHON} --cost {log.cost} summarise --panel {RESULTS}/panel --out {RESULTS}/summary &> {log.messages}"
