# The front of the project: `make demo` makes a verified dataset, `make test` runs the tests.
# Everything is installed into .venv from pinned versions; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/demo
WORKERS ?= auto
HEAVY_WORKERS ?= 2
SEEDS ?= 50

.PHONY: demo toolchains test test-heavy test-vllm docs lint format setup clean

demo: setup ## the main job on the rehearsal model; no GPU, key or container engine needed
	$(BIN)/provender rehearse --seeds $(SEEDS) --out $(OUT)

test: setup ## the tests, without the heavy ones
	$(BIN)/python -m pytest -m "not heavy and not vllm" -n $(WORKERS) --dist loadfile --cov --cov-report=term:skip-covered -q

test-heavy: setup ## kill and resume, whole runs, slow suites
	$(BIN)/python -m pytest -m heavy -n $(HEAVY_WORKERS) --dist loadfile --durations=25 -q

docs: setup ## the documentation as a site in site/; a dead link is an error
	$(BIN)/mkdocs build --strict --quiet

test-vllm: setup ## a real vLLM on the CPU; installs it (3.5 GB) into .vllm where it is missing
	$(BIN)/python -m pytest tests/vllm -m vllm -q --durations=5

toolchains: ## compilers and interpreters of the sandbox's languages; changes nothing without root and apt-get
	scripts/toolchains

lint: setup ## style, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: .make/installed

.make/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("provender needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (set PYTHON=...)" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "the venv module is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,docker,mcp,files,dask,s3]"
	@mkdir -p .make && touch $@

clean:
	rm -rf $(VENV) .make out site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
