# Needs: results/<world>/ only; it computes no number.
# Makes: results/<world>/{index,graph,methods,outlook,quality,weighing}.html and one page a study, with their tables in
#        tables/<page>, and the same in es/.


PAGES = ["index", *LISTED, "graph", "methods", "quality", "weighing", "outlook"]


rule report:
    """Write the pages from the results alone."""
    input:
        studies=[
            f"{RESULTS}/studies/{name}/{file}"
            for name in STUDIES
            for file in (
                "design.json",
                "comparison.json",
                "claim.json",
                "series.parquet",
                "map.parquet",
            )
        ],
        estimates=[
            f"{RESULTS}/studies/{name}/estimates/{stem}.{end}"
            for name, study in STUDIES.items()
            for stem in stems(study)
            for end in ENDS
        ],
        checks=[
            f"{RESULTS}/studies/{name}/checks/{check}.json"
            for name, study in STUDIES.items()
            for check in chosen("checks", study)
        ],
        curves=[
            f"{RESULTS}/studies/{name}/curve.{end}"
            for name in CURVES
            for end in ("json", "parquet")
        ],
        identifications=IDENTIFICATIONS,
        drawings=DRAWINGS,
        graph_tests=GRAPH_TESTS,
        weighing=WEIGHTS,
        files=[f"{STUDY_FOLDER}/{name}.yaml" for name in LISTED],
        summary=expand(f"{RESULTS}/summary/{{table}}.parquet", table=SUMMARY),
        quality=f"{RESULTS}/quality.json",
        outlook=rules.outlook.output,
        scenarios=rules.scenario.output,
        config=f"{RESULTS}/config.yaml",
        code=code(
            "balanza.verbs.report", *own_modules("estimators"), *own_modules("checks")
        ),
        templates=sorted(
            str(path)
            for path in Path("src/balanza/report").rglob("*.j2")
            if path.name.endswith((".html.j2", ".css.j2", "method.md.j2"))
        ),
        scripts=sorted(map(str, Path("src/balanza/report/static").glob("*.js"))),
        words=sorted(map(str, Path("src/balanza/report/locale").glob("*.po"))),
    output:
        pages=[f"{RESULTS}/{page}" for page in page_files(*PAGES)],
        tables=[directory(f"{RESULTS}/{folder}") for folder in page_tables(*PAGES)],
    log:
        messages=f"{RESULTS}/logs/report.log",
        cost=f"{RESULTS}/benchmarks/report.tsv",
    threads: 4
    params:
        studies=[
            f"--{'study' if name in STUDIES else 'waiting'}={STUDY_FOLDER}/{name}.yaml"
            for name in LISTED
        ],
        graphs=[f"--graph={name}" for name in GRAPHS],
    message:
        "Writing the report"
    shell:
        "{PYTHON} --cost {log.cost} report --results {RESULTS} {params.studies} {params.graphs:q}"
        " --weighing --workers {threads} &> {log.messages}"
