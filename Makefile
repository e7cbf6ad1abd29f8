# make demo | make test | make check | make bench
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check bench format clean
setup: .venv/ready
.venv/ready: requirements/dev.lock pyproject.toml scripts/setup
	@PYTHON=$(PYTHON) scripts/setup
demo: setup
	@$(BIN)/edge-bridge demo $(DEMO)
test: setup
	@scripts/system-packages
	@$(BIN)/python -m pytest $(TESTS)
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
bench: setup
	@scripts/system-packages
	@$(BIN)/python -m bench $(BENCH)
format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis var
