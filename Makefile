# The first Python from 3.11 on that TensorFlow has wheels for; name another with PYTHON=...
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN = .venv/bin
RESULTS = benchmarks/results

.PHONY: app test lint bench tensorboard clean

app: .venv/app  ## run the dashboard
	$(BIN)/streamlit run app.py

test: .venv/dev  ## run the tests, two at a time; those that need a browser or the whole data are skipped without
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope

lint: .venv/dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev  ## measure everything, on an idle machine, and put it into the README's tables
	mkdir -p $(RESULTS)
	$(BIN)/python benchmarks/presets.py --json $(RESULTS)/presets.json
	$(BIN)/python benchmarks/training.py --repeats 1 --epochs 3 --json $(RESULTS)/training.json
	$(BIN)/python benchmarks/step.py --json $(RESULTS)/step.json
	$(BIN)/python benchmarks/augmentation.py --repeats 1 --json $(RESULTS)/augmentation.json
	$(BIN)/python benchmarks/dashboard.py --dataset mnist --json $(RESULTS)/dashboard.json
	$(BIN)/python benchmarks/steering.py --json $(RESULTS)/steering.json
	$(BIN)/python benchmarks/runs.py --json $(RESULTS)/runs.json
	$(BIN)/python benchmarks/live_curve.py --json $(RESULTS)/live_curve.json
	$(BIN)/python benchmarks/readme.py

tensorboard: .venv/extras  ## show the runs that wrote files for TensorBoard
	$(BIN)/python -m tensorboard.main --logdir "$$($(BIN)/digit-lab runs --folder)"

.venv/app: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt --editable .
	@touch $@

.venv/extras: .venv/app requirements-extras.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-extras.txt
	@touch $@

.venv/dev: .venv/app requirements-extras.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv
