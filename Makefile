# make demo: install, then take a song through the whole chain.   make test: install, then check everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDIOKIT := $(BIN)/audiokit

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench parity readme docs man graphs clean

help:
	@echo "make setup   create $(VENV) and install audiokit into it"
	@echo "make demo    run the whole chain (SONG=my.mp3 [BACKING=other.mp3]) and show where the results are"
	@echo "make test    install what tests need and run everything (T=stages/normalize: one room, in seconds)"
	@echo "make bench   speed, memory and quality beside what you would otherwise use"
	@echo "make parity  compare with the spleeter and bs-roformer packages, in environments of their own (downloads TensorFlow)"
	@echo "make graphs  make the ONNX graphs of the shipped models anew (M=audiokit/weights/denoiser: of one)"
	@echo "make man     write man pages into build/man (then: man build/man/audiokit-split.1)"
	@echo "make readme  fill the generated parts of README.md and docs/ in again"
	@echo "make docs    build the manual as a site with search into build/site"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[score,cluster,remote,pitch,export]' --group test --group docs
	touch $@

demo: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo/run.sh demo $(SONG) $(BACKING)

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# make test T=stages/normalize runs one room: its tests, and the doctests of its file or folder.
T ?=
ROOM = $(wildcard tests/$(dir $(T))test_$(notdir $(T)).py tests/$(T) audiokit/$(T).py audiokit/$(T))
test: $(if $(T),$(VENV)/.tested,lint)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(if $(T),$(or $(ROOM),$(error no tests for T=$(T))),-n 2 --dist worksteal --durations 15)

clean:
	rm -rf demo build dist runs/bench

readme: $(VENV)/.tested
	$(BIN)/python -m cogapp -r $$(grep -rl --include='*.md' '\[\[\[cog' README.md docs)

# The generator alone: the site is made of what docs/ holds, so it needs nothing of audiokit itself.
$(VENV)/.documented: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q --group docs
	touch $@

docs: $(VENV)/.documented
	$(BIN)/zensical build --clean --strict
	@echo "build/site/index.html; to read it: $(BIN)/python -m http.server -d build/site"

# Beside the weights of a model folder; needed when settings or the code of a network change, not for new weights.
M ?= $(wildcard audiokit/weights/*)
graphs: $(VENV)/.tested
	for model in $(M); do $(AUDIOKIT) models export $$model --onnx --force || exit 1; done

man: $(VENV)/.installed
	$(BIN)/python -m tests.man build/man

# Every bench prints its table and keeps it in tests/bench/results; run it on a machine with nothing else to do.
bench: $(VENV)/.tested
	for bench in tests/bench/bench_*.py; do \
	  $(BIN)/python -W ignore -m "tests.bench.$$(basename $$bench .py)" || echo "$$bench did not finish"; \
	done

parity: $(VENV)/.tested
	$(BIN)/python tests/parity/parity.py
	$(BIN)/python -m tests.parity.roformer
