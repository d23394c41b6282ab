# The commands of the README. Build output and downloads stay outside the checkout, so that a second clone is quick.
FLOWSTAGE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowstage
CARGO_TARGET_DIR ?= $(FLOWSTAGE_CACHE)/target
export FLOWSTAGE_CACHE CARGO_TARGET_DIR
export PATH := $(FLOWSTAGE_CACHE)/tools/bin:$(PATH)

TEST_LINTS = -A clippy::unwrap_used -A clippy::expect_used -A clippy::panic -A clippy::indexing_slicing -A missing_docs -A clippy::type_complexity -A clippy::redundant_clone

.PHONY: help demo test lint fuzz bench fmt docs clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: ## see your own traffic arrive as rows; FOR=30 ends by itself after 30 s
	@integration/demo.sh

test: ## every test, with what they need
	@integration/test.sh

lint: ## format, clippy, cargo-deny, scripts
	@integration/setup.sh lint
	cargo fmt --all --check
	cargo clippy --workspace --lib --bins --locked -- -D warnings
	cargo clippy --workspace --tests --examples --all-features --locked -- -D warnings $(TEST_LINTS)
	cargo deny --log-level error check --hide-inclusion-graph bans licenses sources
	shellcheck integration/*.sh .ci/run

fuzz: ## look for inputs that break something; FOR=60 seconds each, FUZZ=decode for one target
	@integration/setup.sh fuzz
	@integration/fuzz.sh

bench: ## what it costs, in CPU seconds
	@integration/bench.sh

fmt: ## format the sources
	cargo fmt --all

docs: ## write the generated documents anew
	cargo run -q -p agent-main -- docs configuration > docs/configuration-agent.md
	cargo run -q -p server-main -- docs configuration > docs/configuration-server.md
	cargo run -q -p server-main -- docs tables > docs/tables.md
	cargo run -q -p integration --bin architecture > docs/architecture.md

clean: ## remove build output (downloads are kept)
	rm -rf "$(CARGO_TARGET_DIR)" "$(CARGO_TARGET_DIR)-fuzz"
