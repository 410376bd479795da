# make repro   demo dataset from nothing to metrics and a page
# make test    linters, types, tests
# make internvideo   .venv-internvideo, the environment of the caption backend of that name
# make repro DATASET=<name> [RAW=<folder>] [TARGET=<stage>]   another dataset of params.yaml
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECOND := .venv-internvideo
# `dvc repro` runs `python -m stages...`: that python must be the environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint internvideo clean

repro: $(VENV)/.runtime
	@git rev-parse --git-dir >/dev/null 2>&1 || { echo "not a git clone; DVC needs one: git init"; exit 1; }
ifdef RAW
	@test -n "$(DATASET)" || { echo "RAW needs DATASET=<name in sources of params.yaml>"; exit 1; }
	@test -d "$(RAW)" || { echo "RAW=$(RAW) is not a folder"; exit 1; }
	@test -L "data/$(DATASET)/raw" || test ! -e "data/$(DATASET)/raw" \
	  || { echo "data/$(DATASET)/raw is a folder already; leave RAW out, or move it away"; exit 1; }
	@mkdir -p "data/$(DATASET)"
	ln -sfn "$$(realpath "$(RAW)")" "data/$(DATASET)/raw"
endif
ifdef DATASET
	@python -m stages.check "$(DATASET)"
	sed -i 's/^datasets:.*/datasets: [$(DATASET)]/' params.yaml
	dvc repro $(or $(TARGET),report)
else
	dvc repro $(TARGET)
endif
	@python -m stages.show

# Those of the engine are about time and are run with nothing beside them.
test: lint internvideo
	HF_HUB_OFFLINE=1 python -m pytest -n 2 --dist loadfile --ignore tests/engine
	HF_HUB_OFFLINE=1 python -m pytest tests/engine

internvideo: $(SECOND)/.installed

lint: $(VENV)/.test
	ruff check .
	ruff format --check .
	mypy

# $(1): a requirements file; $(2): the python of the environment that gets it.
# uv installs in seconds where pip takes minutes; pip does where uv cannot be had.
# uv reads no PIP_* variables, so those that matter are handed on.
define install
	@$(BIN)/python -m pip install --quiet uv==0.13.9 2>/dev/null \
	  && UV_FIND_LINKS="$${PIP_FIND_LINKS// /,}" UV_DEFAULT_INDEX="$$PIP_INDEX_URL" \
	     $(BIN)/uv pip install --quiet --python $(2) -r $(1) \
	  || $(2) -m pip install --quiet -r $(1) \
	  || { echo "installing $(1) failed; is a package index reachable?"; exit 1; }
endef

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$$($(PYTHON) --version) is too old; make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "the venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.txt $(VENV)/.created
	$(call install,requirements.txt,$(BIN)/python)
	@touch $@

$(VENV)/.test: requirements-test.txt requirements-ray.txt requirements-sentence.txt $(VENV)/.runtime
	$(call install,requirements-test.txt,$(BIN)/python)
	@touch $@

$(SECOND)/.installed: requirements-internvideo.txt $(VENV)/.created
	@test -x $(SECOND)/bin/python || $(BIN)/python -m venv $(SECOND)
	$(call install,requirements-internvideo.txt,$(SECOND)/bin/python)
	@touch $@

clean:
	rm -rf $(VENV) $(SECOND) .mypy_cache .ruff_cache .pytest_cache
