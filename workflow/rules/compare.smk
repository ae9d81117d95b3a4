# Needs: results/<world>/studies/<study>/{estimates,checks}/*, config/grades.yaml; the truth in the synthetic world.
# Makes: results/<world>/studies/<study>/{comparison.json,claim.json,series.parquet,map.parquet}.


rule compare:
    """Lay the estimates of a study side by side, and the truth beside them where it is known."""
    input:
        estimates=estimates_of,
        truth=[TRUTH] if TRUTH else [],
        study=study_file,
        code=code("balanza.verbs.compare", *own_modules("estimators")),
    output:
        f"{RESULTS}/studies/{{study}}/comparison.json",
    log:
        messages=f"{RESULTS}/logs/{{study}}/compare.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/compare.tsv",
    resources:
        **asked("compare"),
    params:
        truth=f"--truth {TRUTH}" if TRUTH else "",
    message:
        "Comparing the estimates of {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} compare --study {input.study} --estimates {RESULTS}/studies/{wildcards.study}/estimates"
        " {params.truth} --out {output} &> {log.messages}"


rule grade:
    """Write the claim cards of a study, graded by the rules of config/grades.yaml."""
    input:
        comparison=f"{RESULTS}/studies/{{study}}/comparison.json",
        checks=checks_of,
        identification=identification_of,
        rules="config/grades.yaml",
        study=study_file,
        code=code("balanza.verbs.grade", *own_modules("checks")),
    output:
        f"{RESULTS}/studies/{{study}}/claim.json",
    log:
        messages=f"{RESULTS}/logs/{{study}}/grade.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/grade.tsv",
    resources:
        **asked("grade"),
    params:
        identification=lambda wildcards, input: [
            f"--identification={path}" for path in input.identification
        ],
    message:
        "Grading the claims of {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} grade --study {input.study} --comparison {input.comparison} --rules {input.rules}"
        " --checks {RESULTS}/studies/{wildcards.study}/checks --level {RUN.level} {params.identification}"
        " --out {output} &> {log.messages}"


rule describe:
    """Write the map and the time series of a study."""
    input:
        rows=f"{RESULTS}/studies/{{study}}/rows.parquet",
        study=study_file,
        code=code("balanza.verbs.describe"),
    output:
        series=f"{RESULTS}/studies/{{study}}/series.parquet",
        map=f"{RESULTS}/studies/{{study}}/map.parquet",
    log:
        messages=f"{RESULTS}/logs/{{study}}/describe.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/describe.tsv",
    resources:
        **asked("describe"),
    message:
        "Describing {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} describe --study {input.study} --rows {input.rows}"
        " --out {RESULTS}/studies/{wildcards.study} &> {log.messages}"
