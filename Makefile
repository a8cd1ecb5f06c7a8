# The commands of this repository; each prints the stages it goes through. `make demo` and `make test` do everything
# themselves on a fresh Debian 12: install (tools/setup.sh), build, run.
SHELL := /bin/bash

.PHONY: build setup test test-long simulate mutants chaos soak demo bench fuzz tidy format clean

build: setup
	@tools/build.sh release

setup:
	@tools/setup.sh

test: build
	@tools/run_tests.sh release -LE long

test-long: build
	@tools/run_tests.sh release -L long

# SEEDS=n: so many simulated lives of a mirror. SEED=x: this one, with its trace.
simulate: build
	@build/release/bin/simulate $(if $(SEED),--seed $(SEED) --logs,--seeds $(or $(SEEDS),200))

# Does the simulator bite? One safety line broken at a time. ONLY="name name": these mutants only.
mutants: setup
	@tools/mutants/run.py $(ONLY)

# KILLS=n random kills of the real program, full equality after each. SEED=x: these choices again.
chaos: build
	@PYTHONPATH=tests SLUICE_BIN=$(CURDIR)/build/release/bin/sluice $$(tools/env.sh python) -m chaos.kills \
		--kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED))

# MINUTES=n of TPC-B with troubles, looked at every second; a plot in build/soak, and an error when anything rises.
soak: build
	@PYTHONPATH=tests SLUICE_BIN=$(CURDIR)/build/release/bin/sluice $$(tools/env.sh python) -m chaos.soak \
		--minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

demo: build
	@$$(tools/env.sh python) tools/demo/run.py

# ONLY=S1,C2: these benches only. Two hours for all; writes bench/results/ and docs/performance.md (bench/README.md).
bench: build
	@$$(tools/env.sh python) bench/run.py

# MINUTES=n: in all, shared between the targets. Without: 20 seconds each.
fuzz: setup
	@MINUTES=$(MINUTES) tools/fuzz.sh

tidy: setup
	@$$(tools/env.sh python) tools/tidy.py
	@tools/clang_tidy.sh

format:
	@git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' | xargs -0r clang-format-16 -i

clean:
	rm -rf build
