# Needs: results/<world>/studies/<study>/{rows.parquet,estimates/*}.
# Makes: results/<world>/studies/<study>/checks/<check>.json.
rule check:
    """Run one check on the estimates of one study."""
    input:
        estimates=estimates_of,
        rows=f"{RESULTS}/studies/{{study}}/rows.parquet",
        study=study_file,
        identification=identification_of,
        code=lambda wildcards: code(
            "balanza.verbs.check", *own_modules("checks", wildcards.check)
        ),
    output:
        f"{RESULTS}/studies/{{study}}/checks/{{check}}.json",
    log:
        messages=f"{RESULTS}/logs/{{study}}/{{check}}.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/{{check}}.tsv",
    resources:
        **asked("check"),
    params:
        identification=lambda wildcards, input: [
            f"--identification={path}" for path in input.identification
        ],
        options=f"--world {RUN_NAME} --seed {RUN.seed} --level {RUN.level} --draws {RUN.draws}",
    message:
        "Checking {wildcards.study}: {wildcards.check}"
    shell:
        "{PYTHON} --cost {log.cost} check --study {input.study} --check {wildcards.check} --rows {input.rows}"
        " --estimates {RESULTS}/studies/{wildcards.study}/estimates --out {RESULTS}/studies/{wildcards.study}/checks"
        " {params.options} {params.identification} --record-refusals &> {log.messages}"
