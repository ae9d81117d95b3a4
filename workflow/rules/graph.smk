# Needs: config/graphs/<graph>.dot, config/studies/<study>.yaml, data/variables.yaml.
# Makes: results/<world>/studies/<study>/identification.json, for each study with a graph.


rule identify:
    """Ask the causal graph of a study what it identifies."""
    input:
        graph=lambda wildcards: graph_file(
            study_file(wildcards), STUDIES[wildcards.study].graph
        ),
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
