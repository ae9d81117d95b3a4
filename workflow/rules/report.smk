# Needs: results/<world>/ only; it computes no number.
# Makes: results/<world>/{index,graph,outlook,provenance,quality,weighing}.html and one page a study, and the same in
#        es/, with their tables in tables/<page>; brief.pdf and brief.es.pdf; provenance.json, what the page of that name shows; costs.html, what each job took.


PAGES = ["index", *LISTED, "graph", "quality", "weighing", "outlook", "provenance"]


rule trace:
    """Record where every number comes from: sources, code, data and settings."""
    input:
        raw=[f"{RAW}/{source.file}" for source in CATALOGUE.values()],
        own=[user_file(key) for key in USER_FILES if user_file(key)],
        rows=[f"{RESULTS}/studies/{name}/rows.parquet" for name in STUDIES],
        designs=[f"{RESULTS}/studies/{name}/design.json" for name in STUDIES],
        files=[f"{STUDY_FOLDER}/{name}.yaml" for name in STUDIES],
        panels=[
            path for name in STUDIES for path in own_panel(SimpleNamespace(study=name))
        ],
        estimates=[
            f"{RESULTS}/studies/{name}/estimates/{stem}.json"
            for name, study in STUDIES.items()
            for stem in stems(study)
        ],
        checks=[
            f"{RESULTS}/studies/{name}/checks/{check}.json"
            for name, study in STUDIES.items()
            for check in chosen("checks", study)
        ],
        others=[
            path
            for path in (
                *WEIGHTS,
                *rules.outlook.output,
                *rules.scenario.output,
                *GRAPH_TESTS,
            )
            if path.endswith(".json")
        ],
        config=f"{RESULTS}/config.yaml",
        catalogue="data/sources.csv",
        codebook="data/variables.yaml",
        citation="CITATION.cff",
        lock="requirements.lock",
        code=code("balanza.verbs.trace", "balanza.verbs.synthesise"),
    output:
        f"{RESULTS}/provenance.json",
    log:
        messages=f"{RESULTS}/logs/trace.log",
        cost=f"{RESULTS}/benchmarks/trace.tsv",
    resources:
        **asked("trace"),
    params:
        studies=[f"--study={STUDY_FOLDER}/{name}.yaml" for name in STUDIES],
    message:
        "Recording where every number comes from"
    shell:
        "{PYTHON} --cost {log.cost} trace {input.others:q} --results {RESULTS} --raw {RAW} {params.studies:q}"
        " &> {log.messages}"


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
        provenance=rules.trace.output,
        code=code(
            "balanza.verbs.report", *own_modules("estimators"), *own_modules("checks")
        ),
        templates=sorted(
            str(path)
            for path in Path("src/balanza/report").rglob("*.*")
            if path.name.endswith((".html.j2", ".css.j2", ".typ"))
        ),
        scripts=sorted(map(str, Path("src/balanza/report/static").glob("*.js"))),
        words=sorted(map(str, Path("src/balanza/report/locale").glob("*.po"))),
    output:
        pages=[f"{RESULTS}/{page}" for page in page_files(*PAGES)],
        tables=[directory(f"{RESULTS}/{folder}") for folder in page_tables(*PAGES)],
        briefs=[f"{RESULTS}/{language.brief}" for language in LANGUAGES],
    log:
        messages=f"{RESULTS}/logs/report.log",
        cost=f"{RESULTS}/benchmarks/report.tsv",
    threads: COSTS["report"].threads
    resources:
        **asked("report"),
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


rule typeset:
    """Write the tables of all studies as LaTeX, for papers."""
    input:
        studies=[
            f"{RESULTS}/studies/{name}/{file}.json"
            for name in STUDIES
            for file in ("design", "comparison")
        ],
        checks=[
            f"{RESULTS}/studies/{name}/checks/{check}.json"
            for name, study in STUDIES.items()
            for check in chosen("checks", study)
        ],
        files=[f"{STUDY_FOLDER}/{name}.yaml" for name in STUDIES],
        config=f"{RESULTS}/config.yaml",
        code=code("balanza.verbs.typeset"),
    output:
        [
            f"{RESULTS}/tables/{name}.{table}.tex"
            for name in STUDIES
            for table in ("estimates", "checks")
        ],
    log:
        messages=f"{RESULTS}/logs/typeset.log",
        cost=f"{RESULTS}/benchmarks/typeset.tsv",
    params:
        studies=[f"--study={STUDY_FOLDER}/{name}.yaml" for name in STUDIES],
    message:
        "Writing tables for papers"
    shell:
        "{PYTHON} --cost {log.cost} typeset --results {RESULTS} {params.studies:q} &> {log.messages}"


rule costs:
    """Write the page of what each job took: it differs between two equal runs, and stands apart."""
    input:
        report=rules.report.output,
        tables=rules.typeset.output,
        validation=VALIDATION_PAGES,
        config=f"{RESULTS}/config.yaml",
        files=[f"{STUDY_FOLDER}/{name}.yaml" for name in LISTED],
        code=code("balanza.verbs.costs"),
        templates=[
            f"src/balanza/report/templates/{name}.j2"
            for name in ("base.html", "style.css", "costs.html")
        ],
        words=sorted(map(str, Path("src/balanza/report/locale").glob("*.po"))),
    output:
        [f"{RESULTS}/{page}" for page in page_files("costs")],
    log:
        f"{RESULTS}/logs/costs.log",
    params:
        studies=[f"--study={STUDY_FOLDER}/{name}.yaml" for name in LISTED],
    message:
        "Writing what each job took"
    shell:
        "{PYTHON} costs --results {RESULTS} {params.studies:q} &> {log}"
