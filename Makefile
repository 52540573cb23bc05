# Sluice. The two commands: `make demo` and `make test`. `make help` lists the rest.
#
# On Debian, `make` installs and builds what it needs by itself: the toolchains Rust (1.95 or newer) and Go (1.26 or newer), and
# make, are all that must be there. Everything that is built for the local cluster lies in $(SLUICE_CACHE).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export SLUICE_CACHE ?= $(HOME)/.cache/sluice
CLUSTER_SH := kind-tests/cluster/cluster.sh
# Name of the local cluster: the demo's is kept for the next time, the tests' is made fresh and taken down.
NAME ?= demo

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: ## Deliver a four-service application on a real Kubernetes, good and bad versions, live in the terminal (PROVIDER=gateway-api or istio: by routes)
	@kind-tests/demo.sh

.PHONY: test
test: test-quick test-cluster ## All tests: first those that need no cluster, then those on a real one

.PHONY: test-quick
test-quick: ## Unit, property, snapshot and in-memory tests, formatting and lints; no cluster
	@kind-tests/test-quick.sh

.PHONY: test-cluster
test-cluster: ## The promises, on a real Kubernetes made for the purpose
	@kind-tests/test-cluster.sh

.PHONY: bench
bench: ## Measure Sluice on a real Kubernetes, beside figures of its peers: 40 minutes (PEERS=1 measures those too: 70)
	@kind-tests/bench.sh

.PHONY: fuzz
fuzz: ## Search for input that the analysis cannot take, FUZZ_SECONDS (60) for each kind
	@analysis/fuzz/run.sh

.PHONY: cluster
cluster: ## Start the local Kubernetes (CLUSTER=kind or CLUSTER=current use another)
	@$(CLUSTER_SH) up $(NAME)

.PHONY: cluster-down
cluster-down: ## Stop it; nothing is left behind
	@$(CLUSTER_SH) down $(NAME)

.PHONY: images
images: ## Build every image and give it to the local cluster
	@$(CLUSTER_SH) images $(NAME)

.PHONY: crds
crds: ## Write the custom resource definitions from the Rust types
	@cargo run --quiet --locked -p crds --bin crdgen -- charts/sluice/files/crds

.PHONY: docs
docs: ## Write the references of policies and of the command line from the Rust types, the table of what providers can do, and the pictures of messages
	@cargo run --quiet --locked -p crds --bin docgen -- docs/reference.md
	@WRITE_DOCS=1 cargo test --quiet --locked -p controller --test capabilities
	@WRITE_DOCS=1 cargo test --quiet --locked -p cli --lib the_reference_is_current
	@WRITE_DOCS=1 cargo test --quiet --locked -p messages --test page --test pictures

.PHONY: cli
cli: ## Build the command line: target/release/kubectl-sluice
	@cargo build --release --locked --quiet -p cli
	@ln -sf kubectl-sluice target/release/sluice

.PHONY: man
man: ## Write the manual pages of the command line into target/man
	@cargo run --quiet --locked -p cli --bin kubectl-sluice -- man target/man

.PHONY: fmt
fmt: ## Format the sources
	@cargo fmt --all
	@cargo fmt --manifest-path analysis/fuzz/Cargo.toml
	@gofmt -w kind-tests/cluster

.PHONY: lint
lint: ## Formatting, clippy and the chart
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	@charts/test.sh
