# Only Go, git and make are needed, and the network for Go modules.
# "make help" lists the targets.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The same two everywhere: each pair has a build cache of its own.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath $(filter-out -trimpath,$(GOFLAGS))

MODULE  := github.com/certwright/certwright
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X $(MODULE)/cmd/internal/run.Version=$(VERSION)
# The tag that deploy/manifests names.
TAG     ?= dev

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## bin/certwright, bin/acmesolver and bin/certctl, static
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: devcluster
devcluster: bin/devcluster ## bin/devcluster, a real control plane for this machine (6-8 minutes the first time)

bin/devcluster: $(shell find test/cluster -name '*.go' -not -name '*_test.go' -o -name 'go.*')
	@echo "building the control plane: 6-8 minutes the first time"
	go -C test/cluster build -ldflags '-s -w' -o '$(CURDIR)/$@' .
	@touch $@

.PHONY: demo
demo: build devcluster ## the main job end to end, on a real control plane; KEEP=1 stays up
	go build -o bin/demo ./test/demo
	bin/demo $(if $(KEEP),-keep)

.PHONY: test
test: verify vet test-unit test-alerts test-cluster ## everything that proves the product on this machine

.PHONY: test-unit
test-unit: ## the tests that need no cluster, with the race detector
	@race=-race; export CGO_ENABLED=1; \
	command -v "$$(go env CC)" >/dev/null || { race=; CGO_ENABLED=0; echo "no C compiler ($$(go env CC)): the race detector is OFF"; }; \
	echo go test $$race ./...; go test $$race ./...

.PHONY: test-alerts
test-alerts: ## the alerts and the dashboard, by Prometheus' own rule evaluation (builds it the first time: 2-4 minutes)
	@echo "evaluating the alerts with Prometheus' own code; the first time builds it: 2-4 minutes"
	go -C test/alerts vet ./...
	go -C test/alerts test -count=1 ./... # what it reads is outside of its module, where the test cache does not look

# Packages with a test that asks for the build tag.
CLUSTER_TESTS = $(shell grep -rl --include='*_test.go' '^//go:build cluster' . | xargs -n 1 dirname | sort -u)

.PHONY: test-cluster
test-cluster: build devcluster ## the tests that need a control plane, on one that they get for themselves
	go build -o bin/withcluster ./test/withcluster
	bin/withcluster go test -tags cluster -count=1 -p 1 -timeout 20m $(CLUSTER_TESTS)
	go -C test/cluster test ./...

.PHONY: test-faults
test-faults: build devcluster ## faults on the running program, with the Prometheus and Alertmanager of the PATH; writes docs/monitoring-faults.md (15 minutes)
	go build -tags faultyclock -ldflags '$(LDFLAGS)' -o bin/certwright-faultyclock ./cmd/certwright
	go build -o bin/faults ./test/faults
	bin/faults $(if $(ONLY),-only '$(ONLY)')

.PHONY: bench
bench: build devcluster ## the benchmarks beside the figures to beat; ONLY=webhook,bulk runs some
	go build -o bin/load ./test/load
	bin/load $(if $(ONLY),-only $(ONLY))

.PHONY: vet
vet:
	go vet -tags cluster,faultyclock ./...

.PHONY: generate
generate: bin/tools/controller-gen ## CRDs, deepcopy, the manifest of the webhook, alerts and dashboard
	.ci/generate

.PHONY: verify
verify: bin/tools/controller-gen ## fail if anything generated is stale or a file is not formatted
	.ci/verify

.PHONY: lint
lint: vet bin/tools/golangci-lint ## go vet and golangci-lint (3 minutes to build the first time)
	bin/tools/golangci-lint run --build-tags cluster ./...

bin/tools/%: .ci/tools/%/go.mod .ci/tools/%/go.sum
	@echo "building $*"
	go -C '.ci/tools/$*' build -o '$(CURDIR)/$@' tool
	@touch $@

.PHONY: image
image: build ## bin/certwright.tar and bin/acmesolver.tar, images for docker load or ctr images import
	go run ./test/image -binary bin/certwright -tag certwright/certwright:$(TAG) -version '$(VERSION)' -o bin/certwright.tar
	go run ./test/image -binary bin/acmesolver -tag certwright/acmesolver:$(TAG) -version '$(VERSION)' -o bin/acmesolver.tar

.PHONY: clean
clean: ## remove bin
	rm -rf bin
