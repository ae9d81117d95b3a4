# Needs: config/graphs/<graph>.dot, config/studies/<study>.yaml, data/variables.yaml.
# Makes: results/<world>/studies/<study>/identification.json, for each study with a graph.
from balanza.config import graph_file


def graph_of(wildcards):
    return graph_file(study_file(wildcards), STUDIES[wildcards.study].graph)


def identification_of(wildcards):
    """What the study's graph says, if it has one."""
    has_graph = STUDIES[wildcards.study].graph is not None
    return (
        [f"{RESULTS}/studies/{wildcards.study}/identification.json"]
        if has_graph
        else []
    )


def identification_option(wildcards, input):
    return [f"--identification={path}" for path in input.identification]


rule identify:
    """Ask the causal graph of a study what it identifies."""
    input:
        graph=graph_of,
        study=study_file,
        variables="data/variables.yaml",
        code=code("balanza.verbs.identify"),
    output:
        f"{RESULTS}/studies/{{study}}/identification.json",
    log:
        f"{RESULTS}/logs/{{study}}/identify.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{study}}/identify.tsv"
    message:
        "Asking the graph of {wildcards.study}"
    shell:
        "{PYTHON} identify --study {input.study} --out {output} &> {log}"
