# Needs: results/<world>/panel/*.parquet, config/studies/<study>.yaml, and of a study with a graph identification.json.
# Makes: results/<world>/studies/<study>/{rows.parquet,design.json,estimates/<estimator>*}.
ESTIMATE = (
    "{PYTHON} --cost {log.cost} estimate --study {input.study} --estimator {wildcards.estimator} --rows {input.rows}"
    f" --out {RESULTS}/studies/{{wildcards.study}}/estimates"
    f" --world {RUN_NAME} --seed {RUN.seed} --level {RUN.level} {{params.identification}} --record-refusals &> {{log.messages}}"
)


rule prepare:
    """Select and check the rows of a study."""
    input:
        panels=expand(f"{RESULTS}/panel/{{panel}}.parquet", panel=PANELS),
        study=study_file,
        own=own_panel,
        identification=identification_of,
        code=code("balanza.verbs.prepare"),
    output:
        rows=f"{RESULTS}/studies/{{study}}/rows.parquet",
        design=f"{RESULTS}/studies/{{study}}/design.json",
    log:
        messages=f"{RESULTS}/logs/{{study}}/prepare.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/prepare.tsv",
    resources:
        **asked("prepare"),
    params:
        identification=lambda wildcards, input: [
            f"--identification={path}" for path in input.identification
        ],
        blind=f"--blind --seed {RUN.seed}" if RUN.blind else "",
    message:
        "Preparing study {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} prepare --study {input.study} --panel {RESULTS}/panel"
        " --out {output.rows} --design {output.design} {params.identification} {params.blind}"
        " &> {log.messages}"


# One rule for each way to name the files: studies with one treatment, and each study with several.
for TREATMENTS in dict.fromkeys(
    tuple(file_names("", study).values()) for study in STUDIES.values()
):

    rule:
        """Run one estimator on one study."""
        name:
            "estimate" + "_and".join(TREATMENTS).replace(".", "_")
        input:
            rows=f"{RESULTS}/studies/{{study}}/rows.parquet",
            study=study_file,
            identification=identification_of,
            code=estimator_code,
        output:
            expand(
                f"{RESULTS}/studies/{{{{study}}}}/estimates/{{{{estimator}}}}{{treatment}}.{{end}}",
                treatment=TREATMENTS,
                end=ENDS,
            ),
        log:
            messages=f"{RESULTS}/logs/{{study}}/{{estimator}}.log",
            cost=f"{RESULTS}/benchmarks/{{study}}/{{estimator}}.tsv",
        wildcard_constraints:
            study="|".join(
                n
                for n, s in STUDIES.items()
                if tuple(file_names("", s).values()) == TREATMENTS
            ),
        resources:
            **asked("estimate"),
        params:
            identification=lambda wildcards, input: [
                f"--identification={path}" for path in input.identification
            ],
        message:
            "Estimating {wildcards.study} by {wildcards.estimator}"
        shell:
            ESTIMATE
