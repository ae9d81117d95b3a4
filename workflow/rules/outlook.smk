# Needs: results/<world>/{panel/state_month.parquet,summary/states.parquet,studies/<study>/*}, config/{outlook.yaml,scenarios/*}.
# Makes: results/<world>/outlook/{forecast,scores,fan,scenarios}.parquet, results/<world>/outlook/{scores,scenarios}.json.
OUTLOOK = f"{RESULTS}/outlook"
SCENARIOS = sorted(str(path) for path in Path("config/scenarios").glob("*.yaml"))


rule outlook:
    """Forecast homicide by state and month, and score such forecasts at earlier months."""
    input:
        panel=f"{RESULTS}/panel/state_month.parquet",
        settings="config/outlook.yaml",
        code=code("balanza.verbs.outlook"),
    output:
        forecast=f"{OUTLOOK}/forecast.parquet",
        scores=f"{OUTLOOK}/scores.parquet",
        fan=f"{OUTLOOK}/fan.parquet",
        summary=f"{OUTLOOK}/scores.json",
    log:
        messages=f"{RESULTS}/logs/outlook.log",
        cost=f"{RESULTS}/benchmarks/outlook.tsv",
    resources:
        **asked("outlook"),
    message:
        "Forecasting homicide"
    shell:
        "{PYTHON} --cost {log.cost} outlook --panel {RESULTS}/panel --settings {input.settings} --world {WORLD}"
        " --seed {RUN.seed} --out {OUTLOOK} &> {log.messages}"


rule scenario:
    """Lay the scenarios of config/scenarios over the forecast."""
    input:
        scenarios=SCENARIOS,
        forecast=f"{OUTLOOK}/forecast.parquet",
        panel=f"{RESULTS}/panel/state_month.parquet",
        outlines=f"{RESULTS}/summary/states.parquet",
        settings="config/outlook.yaml",
        studies=[
            path
            for study in claimed_by()
            for path in (
                f"{STUDY_FOLDER}/{study.name}.yaml",
                f"{RESULTS}/studies/{study.name}/comparison.json",
                *(
                    [f"{RESULTS}/studies/{study.name}/identification.json"]
                    if study.graph
                    else []
                ),
                *(
                    f"{RESULTS}/studies/{study.name}/estimates/{stem}.covariance.parquet"
                    for stem in (
                        file_names(study.headline, study).values()
                        if study.headline
                        else ()
                    )
                ),
                *(
                    f"{RESULTS}/studies/{study.name}/checks/{check}.json"
                    for check in chosen("checks", study)
                    if check == "honest_did"
                ),
            )
        ],
        code=code("balanza.verbs.scenario"),
    output:
        months=f"{OUTLOOK}/scenarios.parquet",
        found=f"{OUTLOOK}/scenarios.json",
    log:
        messages=f"{RESULTS}/logs/scenario.log",
        cost=f"{RESULTS}/benchmarks/scenario.tsv",
    resources:
        **asked("scenario"),
    params:
        scenarios=[f"--scenario={path}" for path in SCENARIOS],
    message:
        "Laying scenarios over the forecast"
    shell:
        "{PYTHON} --cost {log.cost} scenario {params.scenarios:q} --forecast {input.forecast} --panel {RESULTS}/panel"
        " --outlines {input.outlines} --settings {input.settings} --studies {RESULTS}/studies"
        " --study-files {STUDY_FOLDER} --out {OUTLOOK} &> {log.messages}"
