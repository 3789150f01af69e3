# Two commands are the whole set-up: `make demo` and `make test`. Both make their own environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lock file is whole, so there is nothing to resolve.
# Bytecode is made once for all workers of the tests and on both cores, which pip does not, and not of what is seldom
# or never imported. It only saves time: a file that this Python cannot compile does not stop the set-up.
COMPILE := $(BIN)/python -m compileall -q -j 2 -x '/(mypy|mypyc|pip|setuptools|phonenumbers|pygments|rich|mysql|oracle|mssql|testing|tests)/'
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
unexport PYTHONDONTWRITEBYTECODE
# A fresh machine may have a python3 without ensurepip's wheels; venv says so itself.
STAMP := $(VENV)/.installed

.PHONY: demo play test check format bench crash soak lock clean

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	# The pip of the lock first: those that come with older Pythons take twice as long to find a hundred packages.
	awk '/^[^ ]/ { wanted = /^(pip|setuptools)==/ } wanted' requirements-dev.lock > $(VENV)/first.lock
	awk '/^[^ ]/ { nth++ } nth % 2' requirements-dev.lock > $(VENV)/odd.lock
	awk '/^[^ ]/ { nth++ } !(nth % 2)' requirements-dev.lock > $(VENV)/even.lock
	$(PIP) --no-deps --require-hashes -r $(VENV)/first.lock
	# The halves at once: pip unpacks on one core, and no package needs another to be there before it.
	# The build backend warns at length that names of folders may hide packages.
	$(PIP) --no-deps --require-hashes -r $(VENV)/odd.lock & odd=$$!; \
	$(PIP) --no-deps --require-hashes -r $(VENV)/even.lock & even=$$!; \
	PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation -e .; ours=$$?; \
	wait $$odd && wait $$even && exit $$ours
	-$(COMPILE) $(VENV)/lib bot handlers xpm sandbox
	touch $(STAMP)

demo: $(STAMP)  ## the whole story on the sandbox, in a browser
	$(BIN)/python -m sandbox demo

play: $(STAMP)  ## the same story without a browser, every step a tick or a cross
	$(BIN)/python -m sandbox play

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(STAMP)  ## format, lint, types, one direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

crash: $(STAMP)  ## kills the app at every commit point, on both databases and with three replicas; four minutes
	CRASHES=all $(BIN)/python -m pytest -n 0 -q tests/reliability/test_crash_matrix.py

soak: $(STAMP)  ## thousands of calls with every tenth disturbed, and hundreds of new histories; half an hour
	HISTORIES=1000 SOAK=5000 $(BIN)/python -m pytest -n 0 -q tests/reliability/test_every_history.py tests/reliability/test_soak.py

lock:  ## needs uv; the lock files record hashes and no download address
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .sandbox .mypy_cache .pytest_cache .ruff_cache
