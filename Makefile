# make train: a GAN on real digits, from nothing. make test: the tests. make docs: the site of docs/ in build/site.
# make bench: the tables of docs/results/speed.md, on an otherwise idle machine. All make .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: train test test-slow test-postgres lint docs bench clean

train: $(VENV)/.core
	$(BIN)/python experiments/train.py --config=configs/mnist.py --workdir=runs/mnist

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --durations=10

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --durations=10 -m slow

# Starts a server of its own from Debian's postgresql.
test-postgres: $(VENV)/.dev
	$(BIN)/python -m pytest -m postgres

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Opens from the disk, build/site/index.html; its search needs a server: python -m http.server -d build/site
docs: $(VENV)/.docs
	$(BIN)/python docs/gallery.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(VENV)/.dev
	$(BIN)/pip install --quiet -e '.[peers]'
	$(BIN)/python benchmarks/compare.py --out=benchmarks/results/suite_cpu.json
	$(BIN)/python benchmarks/table.py --write

$(VENV)/.core: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gax needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
