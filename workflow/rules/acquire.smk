# Needs: data/sources.csv; for the real world a mirror or the network.
# Makes: data/raw/<world>/<file>, results/<world>/config.yaml.


rule settings:
    """Write down the merged configuration of the run."""
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/settings.log",
    params:
        text=yaml.safe_dump(RUN.model_dump(), sort_keys=True),
    message:
        "Writing down the configuration"
    shell:
        "printf '%s' {params.text:q} > {output} 2> {log}"


if WORLD == "synthetic":

    rule synthesise:
        """Write the raw files of a full-size synthetic Mexico, with its truth kept apart."""
        input:
            code=code("balanza.verbs.synthesise"),
            tables=sorted(
                str(path)
                for path in Path("src/balanza/acquire/synthetic").glob("*.csv")
            ),
            births="data/municipality_births.csv",
            catalogue="data/sources.csv",
        output:
            files=[f"{RAW}/{source.file}" for source in CATALOGUE.values()],
            deployment=f"{RAW}/deployment.csv",
            spending=f"{RAW}/spending.csv",
            truth=f"{RAW}/truth.json",
        log:
            messages=f"{RESULTS}/logs/synthesise.log",
            cost=f"{RESULTS}/benchmarks/synthesise.tsv",
        threads: COSTS["synthesise"].threads
        resources:
            **asked("synthesise"),
        params:
            options=f"--flavour {RUN.flavour} --selection {RUN.selection} --seed {RUN.seed} --size {RUN.size}",
        message:
            f"Synthesising a Mexico: {RUN.flavour} effects, assignment by {RUN.selection}"
        shell:
            "{PYTHON} --cost {log.cost} synthesise {params.options} --out {RAW}"
            " --workers {threads} &> {log.messages}"

else:

    rule fetch:
        """Take one raw file from the mirror or its address, checked by size and digest."""
        # Its digest alone says what the file holds: no edit of the code can change it, so the code is no input.
        output:
            f"{RAW}/{{file}}",
        log:
            f"{RESULTS}/logs/fetch/{{file}}.log",
        params:
            id=lambda wildcards: next(
                s.id for s in CATALOGUE.values() if s.file == wildcards.file
            ),
            digest=lambda wildcards: next(
                s.sha256 for s in CATALOGUE.values() if s.file == wildcards.file
            ),
        message:
            "Fetching {wildcards.file}"
        shell:
            "{PYTHON} fetch {params.id} --out {RAW} {FETCH_OPTIONS} 2>&1 | tee {log}"
