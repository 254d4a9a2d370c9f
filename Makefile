# Tandem. `make` lists the targets.

SHELL        := /bin/bash
.SHELLFLAGS  := -eu -o pipefail -c
.DEFAULT_GOAL := list

# Tools are built from source, once, at these versions.
GOLANGCI_LINT := v2.15.0
ESBUILD       := v0.28.2
JSSIP_VERSION := 3.13.8
BENCHSTAT     := v0.0.0-20260908200009-22c9c6c9d4da

# libopus is linked statically, so the binary runs where it is not installed.
export CGO_LDFLAGS := -Wl,-Bstatic -lopus -Wl,-Bdynamic -lm
export GOFLAGS     := -buildvcs=false -tags=nolibopusfile -mod=readonly

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BIN     := .cache/bin
LINT    := $(BIN)/golangci-lint-$(GOLANGCI_LINT)
STAT    := $(BIN)/benchstat-$(BENCHSTAT)
BUNDLER := $(BIN)/esbuild-$(ESBUILD)
JSSIP   := .cache/jssip-$(JSSIP_VERSION)/jssip.js

# Debian packages: what building needs, and what `make test` needs besides.
DEPS      := gcc libc6-dev pkg-config libopus-dev
DEPS_TEST := sip-tester baresip-core sox espeak-ng chromium-headless-shell asterisk-core-sounds-en-wav

T ?= 30s# of each fuzz target, or of the soak
N ?= 10# runs of each benchmark
F ?= .# flows to run, a regular expression
I ?= .# interop tests to run, a regular expression
D ?= .# defences to take out, a regular expression

.PHONY: list run build test check race flow fuzz defences bench soak lint fmt vet docs interop ci deps deps-test

list: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

run: deps build ## install what is missing, build, run the built-in demo
	./tandem

build: ## one binary, ./tandem
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o tandem ./cmd/tandem

test: deps deps-test check defences race interop ## install what is missing and run every test there is

check: ## unit tests, flows, architecture and documents; a minute at most
	go test -shuffle=on ./...

race: ## the same with the race detector
	go test -race -shuffle=on ./...

flow: ## one flow with its ladder printed: make flow F=early
	go test -count=1 -v -run 'TestFlows/.*/.*$(F)' ./test/flow/ -ladder

fuzz: ## every fuzz target in turn: make fuzz T=30s
	@grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | uniq -d | sed 's/^func /note: several packages have /'
	@for f in $$(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for n in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$f/*_test.go | sed 's/^func //'); do \
			echo "fuzz $$f $$n"; go test -run '^$$' -fuzz "^$$n\$$" -fuzztime $(T) "$$f"; \
		done; \
	done

defences: ## take each defence out in turn, and see that its test fails: make defences D=S4
	go test -count=1 -v -run '/$(D)' -timeout 20m -tags 'defence nolibopusfile' ./test/defence/

bench: build $(STAT) ## benchmarks ten times, compared with docs/benchmarks.txt
	@mkdir -p .cache
	go test -run '^$$' -bench . -benchmem -count $(N) ./... | tee .cache/bench.txt
	TANDEM=$(CURDIR)/tandem go test -run '^$$' -bench . -benchtime 1x -count 5 -timeout 60m -tags 'load nolibopusfile' ./test/load/ | tee -a .cache/bench.txt
	if [ -f docs/benchmarks.txt ]; then $(STAT) docs/benchmarks.txt .cache/bench.txt; else $(STAT) .cache/bench.txt; fi

soak: build ## calls at a steady rate, memory printed: make soak T=1h
	SOAK=$(T) TANDEM=$(CURDIR)/tandem go test -count=1 -run '^TestSoak$$' -timeout 0 -v -tags 'load nolibopusfile' ./test/load/

lint: $(LINT) ## golangci-lint, gofumpt, go mod tidy
	go vet -tags 'defence interop load nolibopusfile' ./...
	$(LINT) run ./...
	go mod tidy -diff

fmt: $(LINT) ## format with gofumpt
	$(LINT) fmt ./...

docs: ## rewrite the generated documents
	go test -count=1 ./test/docs/ -update

interop: build deps-test $(JSSIP) ## real phones, load generator and browser against the binary
	if [ -d test/interop ]; then TANDEM=$(CURDIR)/tandem JSSIP_FILE=$(CURDIR)/$(JSSIP) go test -count=1 -v -run '$(I)' -timeout 25m -tags 'interop nolibopusfile' ./test/interop/...; fi

ci: deps deps-test build lint check defences race interop ## what the server runs
	$(MAKE) --no-print-directory fuzz T=3s

# missing prints those of its arguments that are no installed packages.
missing = for p in $(1); do [ "$$(dpkg-query -W -f '$${Status}' $$p 2>/dev/null)" = "install ok installed" ] || echo $$p; done

# install installs the packages that are missing, as root or through sudo.
define install
@m=$$($(call missing,$(1)) | xargs); if [ -n "$$m" ]; then \
	sudo=; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
	echo "installing $$m"; export DEBIAN_FRONTEND=noninteractive; \
	$$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends $$m; \
fi
endef

deps: ## install what building needs
	$(call install,$(DEPS))

deps-test: ## install what the tests need
	$(call install,$(DEPS) $(DEPS_TEST))

# The tools have their own module graphs and leave go.mod alone.
tool = mkdir -p $(BIN) && for i in 1 2 3; do \
	GOFLAGS=-buildvcs=false CGO_LDFLAGS= GOBIN=$(CURDIR)/$(BIN)/tmp go install $(1) && break || [ $$i != 3 ]; done && \
	mv $(BIN)/tmp/$(2) $@

$(LINT):
	$(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT),golangci-lint)

$(BUNDLER):
	$(call tool,github.com/evanw/esbuild/cmd/esbuild@$(ESBUILD),esbuild)

# The SIP stack of the browser phone in the interop tests, as one script.
$(JSSIP): $(BUNDLER)
	@command -v npm >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends npm; }
	mkdir -p $(@D) && npm install --silent --no-audit --no-fund --prefix $(@D) jssip@$(JSSIP_VERSION)
	echo 'import JsSIP from "jssip"; window.JsSIP = JsSIP;' > $(@D)/entry.js
	$(BUNDLER) $(@D)/entry.js --log-level=warning --bundle --format=iife --platform=browser --outfile=$@

$(STAT):
	$(call tool,golang.org/x/perf/cmd/benchstat@$(BENCHSTAT),benchstat)
