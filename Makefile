# The menu. Every target is a line or two of plain Go commands that work as well by hand.
.DEFAULT_GOAL := help
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
MODULE  := demo/module/render.wasm
# The longest first: the others fill the time in which these wait.
TESTED  := ./test/multi ./cmd/p2prc ./test/hostile ./server/runtime/docker ./test/nat ./...

build: $(MODULE) ## build ./p2prc, one static binary
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o p2prc ./cmd/p2prc

$(MODULE): $(wildcard examples/render/*.go internal/teapot/*.go internal/wavefront/*.go)
	GOOS=wasip1 GOARCH=wasm $(GO) build -ldflags '-s -w' -o $@ ./examples/render

demo: build ## start three nodes, render an animation on all of them, show the table
	./p2prc demo

install: build ## build, and print the two lines that put p2prc on your PATH
	@echo
	@echo "p2prc is built at $(CURDIR)/p2prc"
	@echo "# Add them to your .bashrc file"
	@echo "export P2PRC=$(CURDIR)"
	@echo 'export PATH=$(CURDIR):$${PATH}'

test: $(MODULE) ## run every test this machine can run, small sizes
	$(GO) run ./test/rings $(TESTED)

test-all: $(MODULE) ## the same with the full sizes
	$(GO) run ./test/rings -full -timeout 60m $(TESTED)

race: $(MODULE) ## tests with the race detector, failing where it cannot run
	P2PRC_REQUIRE=race $(GO) run ./test/rings $(TESTED)

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "error: run gofmt -w on these"; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) tool staticcheck ./...

CROSS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
cross: $(MODULE) ## vet and build for every system we ship to, into dist/
	@for target in $(CROSS); do export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; echo "vet and build $$target"; \
		$(GO) vet -trimpath ./... && $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/p2prc-$$GOOS-$$GOARCH ./cmd/p2prc || exit 1; done

bench: build ## measure: the whole path against its floor, in one run
	$(GO) run ./bench

docs: ## write the generated documents: OpenAPI, job schema, command reference
	$(GO) generate ./...

clean: ## remove what make built
	rm -rf p2prc dist $(MODULE)

help: ## show this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build demo install test test-all race lint cross bench docs clean help
