# The first Python from 3.11 on that TensorFlow has wheels for; name another with PYTHON=...
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN = .venv/bin

.PHONY: app test lint bench tensorboard clean

app: .venv/app  ## run the dashboard
	$(BIN)/streamlit run app.py

test: .venv/dev  ## run the tests; those that need a browser or the whole data are skipped without
	$(BIN)/python -m pytest

lint: .venv/dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev  ## print the benchmark tables, on an idle machine
	$(BIN)/python benchmarks/presets.py
	$(BIN)/python benchmarks/training.py --repeats 1
	$(BIN)/python benchmarks/strokes.py --pictures
	$(BIN)/python benchmarks/steering.py
	$(BIN)/python benchmarks/dashboard.py --dataset mnist
	$(BIN)/python benchmarks/runs.py

tensorboard: .venv/extras  ## show the runs that wrote files for TensorBoard
	$(BIN)/python -m tensorboard.main --logdir "$$($(BIN)/python -m mnist_core runs --folder)"

.venv/app: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

.venv/extras: .venv/app requirements-extras.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-extras.txt
	@touch $@

.venv/dev: .venv/app requirements-extras.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv
