# Two commands do everything: `make book` and `make test`. Both set up .venv first and find it done the next time.
# `make check` is the quick part of `make test`, for every commit.

PYTHON ?= python3
BIN := .venv/bin
TIMED := $(PYTHON) scripts/timed.py
# Two workers for two cores; tests/conftest.py says what runs when and where.
PYTEST := $(BIN)/python -m pytest -n 2 --no-loadscope-reorder

# Renders the clips of the embedded benchmark and passes them through its backbone, unless that was done before. The
# training clips are those of the chapter on low-shot fine-tuning.
EXTRACT := $(BIN)/catsplit extract stage
BENCHMARK := $(BIN)/catsplit stage render val train && $(EXTRACT) && $(EXTRACT) --set train

# A kernel of the person's own, named python3 too, must not run the book's chapters instead of the one in .venv.
export JUPYTER_PREFER_ENV_PATH := 1

# Threads that wait in a spin take the processor from those they wait for, as soon as anything else is running.
export OMP_WAIT_POLICY ?= PASSIVE

# Where it is set, every test and every chapter compiles PyTorch's Python files again, a quarter of a minute each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup web benchmark book test check lint workshop minutes address lock strip clean

help:
	@echo "make book    set up, prepare the embedded benchmark, run every chapter, build the book"
	@echo "make test    set up, prepare the embedded benchmark, lint, unit tests, run every chapter as a test"
	@echo "make check   set up, lint, the quick unit tests: what every commit should have behind it"
	@echo "make workshop   of the book that was built, pack what a room of thirty needs into one file"
	@echo "make minutes run every chapter and write into the pages how long each took"
	@echo "make address URL=https://github.com/OWNER/NAME    change the repository's address everywhere"
	@echo "make lock    resolve requirements.lock again (make lock UPGRADE=--upgrade for newer versions)"
	@echo "make strip   remove outputs and execution counts from the notebooks"
	@echo "make clean   remove the built book"

setup:
	@command -v $(PYTHON) >/dev/null || { echo "There is no program $(PYTHON): install Python 3.11, 3.12 or 3.13."; exit 1; }
	@$(TIMED) --first "Set-up" $(PYTHON) scripts/setup.py

benchmark: setup
	@$(TIMED) "Embedded benchmark" sh -c '$(BENCHMARK)'

# What the pages load beside themselves, so that they need no network.
web: setup
	@$(BIN)/python scripts/web.py

book: benchmark web
	@$(TIMED) "Chapters and pages" $(BIN)/jupyter-book build --all -W -n --keep-going . || { \
		echo "The book was not built: the chapter and the error, or the warnings, are named above."; exit 1; }
	@echo
	@$(TIMED) --report
	@$(PYTHON) -c 'import pathlib; print("\nThe book is ready: open", pathlib.Path("_build/html/index.html").resolve().as_uri())'

test: benchmark web lint
	$(PYTEST) tests

check: setup lint
	$(PYTEST) -m "not slow" tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/lint-imports

# Of the book as make book built it.
workshop: benchmark web
	@$(BIN)/python scripts/workshop/build.py

# On a machine that does nothing else.
minutes: benchmark
	$(BIN)/python -m pytest -q tests/test_chapters.py
	$(PYTHON) scripts/minutes.py
	$(BIN)/python scripts/workshop/guide.py

address:
	@$(PYTHON) scripts/set_address.py '$(URL)'

# One version of a package for every Python, where there is one: the same encoder renders the same clips on each.
lock: setup
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --extra book $(UPGRADE) \
		pyproject.toml -o requirements.lock --custom-compile-command "make lock"

strip: setup
	$(BIN)/python scripts/strip_outputs.py book/*.ipynb

clean:
	rm -rf _build
