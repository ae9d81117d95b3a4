# Needs: config/studies/*.yaml; for placebo worlds results/<world>/studies/<study>/rows.parquet.
# Makes: results/<world>/validation/<extent>/{<kind>/<study>/<first>-<last>.parquet,scores.parquet,scores.json},
#        results/<world>/validation.html of the small version, validation_full.html of `snakemake validation`,
#        and the same in es/.
from balanza.validation.plan import plan as validation_plan

VALIDATIONS = {
    extent: {
        (trials.kind, trials.study): trials
        for trials in validation_plan(extent, STUDIES, RUN.validation_draws, RUN.size)
    }
    for extent in ("small", "full")
}
VALIDATION_PAGES = [f"{RESULTS}/validation.html"]
if RUN.targets == "validation":
    VALIDATION_PAGES.append(f"{RESULTS}/validation_full.html")


rule validation:
    """Score every estimator where the truth is known, over many draws, and write the page on it."""
    input:
        f"{RESULTS}/validation_full.html",


rule validate:
    """Run the estimators of one study on a batch of draws whose truth is known."""
    input:
        study=study_file,
        rows=lambda wildcards: (
            [f"{RESULTS}/studies/{wildcards.study}/rows.parquet"]
            if wildcards.kind == "plasmode"
            else []
        ),
        tables=sorted(
            str(path) for path in Path("src/balanza/acquire/synthetic").glob("*.csv")
        ),
        rules=["data/municipality_births.csv", "data/guard_repairs.csv"],
        code=lambda wildcards: code(
            "balanza.verbs.validate",
            *own_modules(
                "estimators",
                *VALIDATIONS[wildcards.extent][
                    wildcards.kind, wildcards.study
                ].estimators,
            ),
        ),
    output:
        f"{RESULTS}/validation/{{extent}}/{{kind}}/{{study}}/{{batch}}.parquet",
    log:
        messages=f"{RESULTS}/logs/validation/{{extent}}/{{kind}}/{{study}}/{{batch}}.log",
        cost=f"{RESULTS}/benchmarks/validation/{{extent}}/{{kind}}/{{study}}/{{batch}}.tsv",
    wildcard_constraints:
        extent="small|full",
        kind="world|plasmode",
        batch="[0-9]+-[0-9]+",
    resources:
        **asked("validate"),
    params:
        options=lambda wildcards: VALIDATIONS[wildcards.extent][
            wildcards.kind, wildcards.study
        ].options(wildcards.batch),
        run=f"--seed {RUN.seed} --level {RUN.level}",
        rows=lambda wildcards, input: [f"--rows={path}" for path in input.rows],
    message:
        "Validating {wildcards.study} in draws {wildcards.batch} of kind {wildcards.kind}"
    shell:
        "{PYTHON} --cost {log.cost} validate --study {input.study} {params.rows:q} {params.options} {params.run} --out {output} &> {log.messages}"


rule score:
    """Score the estimators over all draws whose truth is known."""
    input:
        batches=lambda wildcards: [
            f"{RESULTS}/validation/{wildcards.extent}/{kind}/{study}/{batch}.parquet"
            for (kind, study), trials in VALIDATIONS[wildcards.extent].items()
            for batch in trials.batches
        ],
        code=code("balanza.verbs.score"),
    output:
        table=f"{RESULTS}/validation/{{extent}}/scores.parquet",
        scores=f"{RESULTS}/validation/{{extent}}/scores.json",
    log:
        messages=f"{RESULTS}/logs/validation/{{extent}}/score.log",
        cost=f"{RESULTS}/benchmarks/validation/{{extent}}/score.tsv",
    resources:
        **asked("score"),
    params:
        options=f"--world {WORLD} --level {RUN.level}",
    message:
        "Scoring the {wildcards.extent} validation"
    shell:
        "{PYTHON} --cost {log.cost} score {input.batches:q} --out {RESULTS}/validation/{wildcards.extent}"
        " --extent {wildcards.extent} {params.options} &> {log.messages}"


rule validation_page:
    """Write the page of the validation from its scores alone."""
    input:
        scores=lambda wildcards: (
            f"{RESULTS}/validation/{'full' if wildcards.whole else 'small'}/scores.json"
        ),
        config=f"{RESULTS}/config.yaml",
        files=[f"{STUDY_FOLDER}/{name}.yaml" for name in LISTED],
        code=code("balanza.verbs.validation_page"),
        templates=[
            f"src/balanza/report/templates/{name}.j2"
            for name in ("base.html", "style.css", "validation.html")
        ],
        scripts=sorted(map(str, Path("src/balanza/report/static").glob("*.js"))),
        words=sorted(map(str, Path("src/balanza/report/locale").glob("*.po"))),
    output:
        pages=[f"{RESULTS}/{page}" for page in page_files("validation{whole}")],
        tables=[
            directory(f"{RESULTS}/{folder}")
            for folder in page_tables("validation{whole}")
        ],
    log:
        messages=f"{RESULTS}/logs/validation/page{{whole}}.log",
        cost=f"{RESULTS}/benchmarks/validation/page{{whole}}.tsv",
    wildcard_constraints:
        whole="|_full",
    resources:
        **asked("validation_page"),
    params:
        studies=[f"--study={STUDY_FOLDER}/{name}.yaml" for name in LISTED],
    message:
        "Writing the page of the validation"
    shell:
        "{PYTHON} --cost {log.cost} validation-page --results {RESULTS} --scores {input.scores} {params.studies:q}"
        " --out {output.pages[0]} &> {log.messages}"
