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
	CGO_ENABLED=0 $(GO) vet -trimpath ./...
	CGO_ENABLED=0 $(GO) tool staticcheck ./...

CROSS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
cross: $(MODULE) ## vet and build for every system we ship to, into dist/
	@for target in $(CROSS); do export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; echo "vet and build $$target"; \
		$(GO) vet -trimpath ./... && $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/p2prc-$$GOOS-$$GOARCH ./cmd/p2prc || exit 1; done

LIBRARY := bindings/c/out
PYTHON  ?= python3
bindings: ## build the C library, and the packages of Python and Haskell
	@mkdir -p $(LIBRARY)
	CGO_ENABLED=1 $(GO) build -buildmode=c-shared -ldflags '-s -w' -o $(LIBRARY)/libp2prc.so ./bindings/c
	CGO_ENABLED=1 $(GO) build -buildmode=c-archive -ldflags '-s -w' -o $(LIBRARY)/libp2prc.a ./bindings/c
	$(CC) -Wall -Wextra -O1 -g -o $(LIBRARY)/ctest $(addprefix bindings/c/ctest/,main.c misuse.c conformance.c) -L$(LIBRARY) -lp2prc -lpthread -Wl,-rpath,'$$ORIGIN'
	$(PYTHON) -m venv --system-site-packages $(LIBRARY)/python
	$(LIBRARY)/python/bin/pip install --quiet --no-build-isolation --no-index ./bindings/python
	cd bindings/haskell && runghc Setup.hs configure --user --enable-tests --builddir=dist && runghc Setup.hs build --builddir=dist
	cp bindings/haskell/dist/build/p2prc-conformance/p2prc-conformance $(LIBRARY)

test-bindings: bindings build ## test them, and run one script in every language
	cp p2prc $(LIBRARY)
	bindings/haskell/dist/build/unit/unit
	P2PRC_HOSTS=127.0.0.1 P2PRC=$$(mktemp -d) sh -c '$(LIBRARY)/ctest misuse $$P2PRC && rm -rf $$P2PRC'
	P2PRC_BINDINGS=$(CURDIR)/$(LIBRARY) $(GO) test -count=1 -v -run "Python|EveryLanguage" ./bindings/conformance

bench: build ## measure: the whole path against its floor, in one run
	$(GO) run ./bench

docs: ## write the generated documents: OpenAPI, job schema, command reference
	$(GO) generate ./...

clean: ## remove what make built
	rm -rf p2prc dist $(MODULE) $(LIBRARY) bindings/haskell/dist

help: ## show this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build demo install test test-all race lint cross bindings test-bindings bench docs clean help
