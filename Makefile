# Each target works from a bare checkout: it makes .venv, installs, runs.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test test-rest test-all lint bench ablation picture

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing into .venv; this takes a few minutes the first time."
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --editable '.[data,dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/textcond train --data rotten-tomatoes --name demo --epochs 10 --overwrite
	@for model in demo sst; do for text in "this is not good" "this is not bad"; do \
		echo; echo "== $$text (model $$model)"; echo; \
		$(BIN)/textcond explain "$$text" --model $$model --top 5 || exit; done; done
	@echo; echo "The model demo was trained on whole sentences alone, and misreads negation."
	@echo "The model sst was also trained on phrases."
	@echo; echo "== The filters for the pattern 'not good' (model sst)"; echo
	$(BIN)/textcond filters "this is not good" --pattern "not good"
	@echo; echo "== The same over HTTP, and rules with a negator for spaCy (docs/service.sh)"; echo
	$(BIN)/python -m docs.service

# Processes of one thread each: a file's tests stay together, the longest files come first.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadscope --no-loadscope-reorder

test: $(INSTALLED)
	$(PYTEST) --numprocesses auto -m "not thorough"

# What repeats it: faults, made-up requests, studies, every backend, thousands of cases. Much of it
# waits for services, so there are more processes than cores. The quick tests check all types.
test-rest: $(INSTALLED)
	TEXTCOND_UNCHECKED=1 $(PYTEST) --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) -m thorough

test-all: $(INSTALLED)
	$(PYTEST) --numprocesses auto

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Takes the treebank in data/sst.
bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

ablation: $(INSTALLED)
	$(BIN)/python -m benchmarks.ablation

picture: $(INSTALLED)
	$(BIN)/python -m docs.picture
