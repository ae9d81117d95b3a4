# Needs: results/<world>/studies/<study>/rows.parquet, and of a study with a graph identification.json.
# Makes: of each study with `variants` results/<world>/studies/<study>/{curve.json,curve.parquet}, from batches in curve/.
from balanza.curve.expand import FEW, MANY

CURVES = [name for name, study in STUDIES.items() if study.variants]
FULL = RUN.targets == "full"
CURVE_SIZE, BATCHES = (MANY, 8) if FULL else (FEW, 1)
CURVE_DRAWS = max(19, RUN.draws // (2 if FULL else 10))
CURVE_OPTIONS = f"--most {CURVE_SIZE} --seed {RUN.seed} --level {RUN.level}"


rule curve:
    """Run one batch of the variants of one study."""
    input:
        rows=f"{RESULTS}/studies/{{study}}/rows.parquet",
        study=study_file,
        identification=identification_of,
        code=curve_code,
    output:
        f"{RESULTS}/studies/{{study}}/curve/{{batch}}of{{batches}}.parquet",
        f"{RESULTS}/studies/{{study}}/curve/{{batch}}of{{batches}}.draws.parquet",
    log:
        messages=f"{RESULTS}/logs/{{study}}/curve/{{batch}}of{{batches}}.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/curve/{{batch}}of{{batches}}.tsv",
    wildcard_constraints:
        batch="[0-9]+",
        batches="[0-9]+",
    resources:
        **asked("curve"),
    params:
        identification=lambda wildcards, input: [
            f"--identification={path}" for path in input.identification
        ],
        options=f"{CURVE_OPTIONS} --draws {CURVE_DRAWS}",
    message:
        "Running the variants of {wildcards.study}, batch {wildcards.batch} of {wildcards.batches}"
    shell:
        "{PYTHON} --cost {log.cost} curve --study {input.study} --rows {input.rows}"
        " --out {RESULTS}/studies/{wildcards.study}/curve"
        " --batch {wildcards.batch} --batches {wildcards.batches} {params.options} {params.identification}"
        " &> {log.messages}"


rule curve_test:
    """Merge the batches of a specification curve, and test it as a whole."""
    input:
        batches=[
            f"{RESULTS}/studies/{{study}}/curve/{batch}of{BATCHES}.parquet"
            for batch in range(1, BATCHES + 1)
        ],
        draws=[
            f"{RESULTS}/studies/{{study}}/curve/{batch}of{BATCHES}.draws.parquet"
            for batch in range(1, BATCHES + 1)
        ],
        study=study_file,
        identification=identification_of,
        code=code("balanza.verbs.curve_test"),
    output:
        f"{RESULTS}/studies/{{study}}/curve.json",
        f"{RESULTS}/studies/{{study}}/curve.parquet",
    log:
        messages=f"{RESULTS}/logs/{{study}}/curve_test.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/curve_test.tsv",
    resources:
        **asked("curve_test"),
    params:
        identification=lambda wildcards, input: [
            f"--identification={path}" for path in input.identification
        ],
        options=f"--world {RUN_NAME} {CURVE_OPTIONS}",
    message:
        "Testing the specification curve of {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} curve-test {input.batches} --study {input.study}"
        " --out {RESULTS}/studies/{wildcards.study} {params.options} {params.identification} &> {log.messages}"
