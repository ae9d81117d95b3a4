# Two commands: `make reproduce` runs the study, `make test` runs the tests. Each sets up .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: reproduce resume test slow cluster coverage benchmarks messages annex archive lint audit lock clean

reproduce: .venv/installed
	$(BIN)/snakemake

# After kill -9 or a power cut: take away the lock of the run that is gone, and go on where it stopped.
# For the real files: make resume ARGS="--configfile config/mexico.yaml"
resume: .venv/installed
	$(BIN)/snakemake $(ARGS) --unlock
	$(BIN)/snakemake $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadscope

slow: .venv/installed
	$(BIN)/python -m pytest -m slow

# On a Slurm of this one machine, where its packages are installed (docs/cluster.md).
cluster: .venv/installed
	timeout 900 $(BIN)/python -m pytest -m slow -rs tests/cluster

# Writes docs/coverage.csv and docs/coverage.md: half an hour on one core.
coverage: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.simulated_coverage

# Writes benchmarks/results.csv, docs/speed.md and the pages of docs/methods: about an hour on one core. The packages that
# cannot live in .venv go to .venv-peers.
benchmarks: .venv/installed
	$(BIN)/python -m benchmarks --times 1 10 --growth --peers .venv-peers --save
	$(BIN)/python -m balanza methods

# After a change of the pages' words: their Spanish goes into the file that it names.
messages: .venv/installed
	$(BIN)/python -m balanza messages

# Both of a run that has ended; for the real files: make annex archive WORLD=mexico
WORLD ?= synthetic

# Snakemake's own report on the run, then the pages anew, since one of them leads to it.
annex: .venv/installed
	$(BIN)/snakemake --configfile results/$(WORLD)/config.yaml --report results/$(WORLD)/annex.html
	$(BIN)/snakemake --configfile results/$(WORLD)/config.yaml --forcerun report

# Writes dist/balanza-<world>-<version>.zip.
archive: .venv/installed
	$(BIN)/python -m balanza archive --results results/$(WORLD)

lint: .venv/installed
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

# Are there known vulnerabilities in what is pinned? Says so where the database cannot be reached.
audit:
	.ci/audit

# The stamp is written last, so that an interrupted install starts again.
.venv/installed: requirements.lock pyproject.toml
	rm -f $@
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# Only for maintainers: needs uv. The lock names no index.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .venv-peers .venv-audit results data/raw .snakemake
