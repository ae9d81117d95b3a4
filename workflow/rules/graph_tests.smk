# Needs: config/graphs/<graph>.dot, results/<world>/panel/*.
# Makes: results/<world>/graph/<graph>/{falsification.json,discovery.json}.
TESTED_GRAPHS = sorted(path.stem for path in Path("config/graphs").glob("*.dot"))
GRAPH_TESTS = expand(
    f"{RESULTS}/graph/{{graph}}/{{test}}.json",
    graph=TESTED_GRAPHS,
    test=["falsification", "discovery"],
)
TESTED_PANELS = expand(
    f"{RESULTS}/panel/{{panel}}.parquet", panel=["state_year", "municipality_month"]
)


def stated_implications(wildcards):
    """The implications that the authors of a graph wrote down beside it, if any."""
    path = Path(f"config/graphs/{wildcards.graph}.implications.yaml")
    return [str(path)] if path.exists() else []


rule falsify:
    """Test what a causal graph implies on the panel."""
    input:
        graph="config/graphs/{graph}.dot",
        stated=stated_implications,
        panels=TESTED_PANELS,
        codebook="data/variables.yaml",
        code=code("balanza.verbs.falsify"),
    output:
        f"{RESULTS}/graph/{{graph}}/falsification.json",
    log:
        f"{RESULTS}/logs/graph/{{graph}}/falsify.log",
    benchmark:
        f"{RESULTS}/benchmarks/graph/{{graph}}/falsify.tsv"
    params:
        stated=lambda wildcards, input: (
            f"--stated {input.stated}" if input.stated else ""
        ),
        options=f"--world {WORLD} --seed {RUN.seed} --level {RUN.level} --draws {RUN.draws}",
    message:
        "Testing graph {wildcards.graph}"
    shell:
        "{PYTHON} falsify --graph {input.graph} {params.stated} --panel {RESULTS}/panel --out {output}"
        " {params.options} &> {log}"


rule discover:
    """Search for a causal graph in the panel, and compare it with the drawn one."""
    input:
        graph="config/graphs/{graph}.dot",
        panels=TESTED_PANELS,
        codebook="data/variables.yaml",
        code=code("balanza.verbs.discover"),
    output:
        f"{RESULTS}/graph/{{graph}}/discovery.json",
    log:
        f"{RESULTS}/logs/graph/{{graph}}/discover.log",
    benchmark:
        f"{RESULTS}/benchmarks/graph/{{graph}}/discover.tsv"
    params:
        options=f"--world {WORLD} --level {RUN.level}",
    message:
        "Challenging graph {wildcards.graph}"
    shell:
        "{PYTHON} discover --graph {input.graph} --panel {RESULTS}/panel --out {output}"
        " {params.options} &> {log}"
