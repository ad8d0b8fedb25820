# The whole developer interface. Every target installs what it needs first.

# To build and run; what the tests need besides: a browser with fonts for its pictures, a web server that signs in, a
# database server, which they start by themselves, and a proxy that stands before nodes.
DEBIAN_PACKAGES := g++ libargon2-dev libcrypt-dev libcurl4-openssl-dev libicu-dev libphonenumber-dev libpq-dev \
  libqrencode-dev libsqlite3-dev libssl-dev pkg-config python3-venv chromium fonts-noto-cjk fonts-noto-core \
  apache2-bin libapache2-mod-auth-openidc postgresql nginx-light
PYTHON := .venv/bin/python
REQUIREMENTS := Tests/EndToEnd/requirements.txt
# The tests of a file share servers, so a file stays with one of the two workers.
PYTEST := $(PYTHON) -m pytest -q -n 2 --dist loadfile
SOURCES := Sources Tests Benchmarks Package.swift sdk/SDK.swift \
  sdk/swift/Package.swift sdk/swift/Sources sdk/swift/Tests

.DEFAULT_GOAL := help
.PHONY: help setup run test test-swift test-end-to-end test-nodes test-chaos lint format bench bench-growth simulate clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: .venv/complete ## Install what a fresh Debian machine with a Swift toolchain lacks
	@command -v swift >/dev/null || { echo "Swift 6.2 or later is needed: https://www.swift.org/install" >&2; exit 1; }

# Asking dpkg is quick; apt is called only when something is missing.
.PHONY: debian-packages
debian-packages:
	@missing=""; for package in $(DEBIAN_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q "ok installed" || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	fi

.venv/complete: $(REQUIREMENTS) | debian-packages
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@touch $@

run: setup ## Start a development server on http://localhost:8080
	swift build --product denwa
	exec .build/debug/denwa serve

test: test-swift test-end-to-end ## Run every test

test-swift: setup
	swift build --build-tests
	# All tests at once would keep each other waiting beyond their time limits.
	swift test --skip-build --experimental-maximum-parallelization-width 8

test-end-to-end: setup
	swift build --product denwa
	DENWA_BINARY=.build/debug/denwa $(PYTEST) Tests/EndToEnd

test-nodes: setup ## Run the end-to-end tests against two nodes on one PostgreSQL; PYTEST_ARGS chooses some
	swift build --product denwa
	DENWA_TEST_NODES=2 DENWA_BINARY=.build/debug/denwa $(PYTEST) Tests/EndToEnd $(PYTEST_ARGS)

test-chaos: setup ## Kill nodes and databases under load, and see that nothing is lost
	swift build --product denwa
	DENWA_BINARY=.build/debug/denwa $(PYTHON) -m pytest -q Tests/Chaos

lint: setup ## Check the style of the code
	swift format lint --strict --recursive --parallel $(SOURCES)

format: setup ## Put the code into the house's style
	swift format --in-place --recursive --parallel $(SOURCES)

bench: setup ## Measure the release build, or some of it: BENCH="--works login"; docs/benchmarks.md has the results
	swift build -c release --product denwa
	$(PYTHON) Benchmarks/run.py $(BENCH)
	$(PYTHON) Benchmarks/run.py --database postgres $(BENCH)
ifeq ($(BENCH),)
	swift build -c release --product storage-benchmark
	$(PYTHON) Benchmarks/slow_provider.py
	$(PYTHON) Benchmarks/passwords.py
	.build/release/storage-benchmark var/bench
	$(CXX) -std=c++17 -O2 -ISources/CPhoneNumber/include -o var/bench/phone-numbers \
	  Benchmarks/PhoneNumbers/PhoneNumberBenchmark.cpp Sources/CPhoneNumber/*.cpp -lphonenumber
	var/bench/phone-numbers
endif

bench-growth: setup ## Measure logins with up to ten million users in the database; takes an hour and 15 GB of disk
	swift build -c release --product denwa
	$(PYTHON) Benchmarks/growth.py --plans $(GROWTH)
	$(PYTHON) Benchmarks/housekeeping.py $(HOUSEKEEPING)
	$(PYTHON) Benchmarks/hot_rows.py

simulate: setup ## Attack the texting budget in a simulation; the figures and the picture are in docs/abuse.md
	swift build -c release --product abuse-simulation
	.build/release/abuse-simulation var/simulation > var/simulation.jsonl
	$(PYTHON) Benchmarks/draw_simulation.py var/simulation.jsonl docs/images

clean: ## Remove what was built and what a development server wrote
	rm -rf .build sdk/swift/.build .venv .hypothesis var
