# Holdfast: the two commands are `make demo` and `make test`. Everything they need beyond the .NET SDK is installed by name, if missing.
SHELL := /bin/bash
.DEFAULT_GOAL := build

DATA    ?= data
PORT    ?= 8007
LISTEN  ?= 127.0.0.1
CONFIG  ?= Release
SEED    ?= 1
POINTS  ?= 20000
INPUTS  ?= 100000
ONLY    ?=
GROUP   ?=
LOOPS   ?= 1
DOTNET  ?= dotnet

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
export HOLDFAST_OUT := $(CURDIR)/out

.PHONY: build test demo run bench bench-peers crash fuzz clean image image-lock image-twice deb deb-check hil prerequisites prerequisites-crash tidy

# --- what must be on the machine -----------------------------------------------------------------------------------

prerequisites:
	@image/prerequisites.sh postgresql libzstd1 e2fsprogs

prerequisites-crash: prerequisites
	@image/prerequisites.sh strace

# --- build and run -------------------------------------------------------------------------------------------------

build: out/holdfastd out/holdfast out/holdfast-agent

SOURCES := $(shell find appliance drivers -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*') \
           $(shell find appliance drivers -name '*.csproj') Directory.Build.props Directory.Packages.props

out/holdfastd out/holdfast out/holdfast-agent &: $(SOURCES)
	@command -v $(DOTNET) >/dev/null || { echo "The .NET SDK 10 is missing: install it first (README, 'What you need')."; exit 1; }
	$(DOTNET) publish appliance/Host/Host.csproj -c Release -v q -p:HoldfastPublish=true -p:PublishReadyToRun=true -o out
	$(DOTNET) publish appliance/Cli/Cli.csproj -c Release -v q -p:HoldfastPublish=true -p:PublishReadyToRun=true -o out
	$(DOTNET) publish drivers/Agent/Agent.csproj -c Release -v q -p:HoldfastPublish=true -p:PublishReadyToRun=true -o out
	@touch out/holdfastd out/holdfast out/holdfast-agent

run: prerequisites build
	@exec out/holdfastd --data "$(DATA)" --port "$(PORT)" --listen "$(LISTEN)"

demo: prerequisites build
	@tests/demo.sh

# --- tests ---------------------------------------------------------------------------------------------------------

test: prerequisites build
	@tests/run.sh

crash: prerequisites-crash build
	@tests/run.sh --suite Crash POINTS=$(POINTS) SEED=$(SEED)

fuzz: build
	@tests/run.sh --suite Fuzz INPUTS=$(INPUTS) SEED=$(SEED)

# Compiled ahead like the product's own client: a measured run lasts seconds, and is not to measure the compiler.
out/bench/Holdfast.Tests.Bench: $(SOURCES) $(wildcard tests/Bench/*.cs) tests/Bench/Bench.csproj
	$(DOTNET) publish tests/Bench/Bench.csproj -c Release -v q -p:HoldfastPublish=true -p:PublishReadyToRun=true -o out/bench
	@touch $@

bench: prerequisites build out/bench/Holdfast.Tests.Bench
	out/bench/Holdfast.Tests.Bench --only "$(ONLY)"

bench-peers: build out/bench/Holdfast.Tests.Bench
	@test -n "$(PEER)" || { echo "Say which server: make bench-peers PEER=user@realm@host:port:store (PBS_PASSWORD, PBS_FINGERPRINT set)"; exit 2; }
	out/bench/Holdfast.Tests.Bench --peer "$(PEER)"

# --- the flashable image -------------------------------------------------------------------------------------------

hil: build
	@[ "$$(id -u)" -ne 0 ] || image/prerequisites.sh qemu-system-x86 qemu-utils qemu-block-extra ovmf openssh-client
	@[ "$$(id -u)" -ne 0 ] || ls out/image/holdfast-*.qcow2 >/dev/null 2>&1 || $(MAKE) image
	@GROUP="$(GROUP)" LOOPS="$(LOOPS)" tests/hil.sh

image:
	@image/prerequisites.sh mmdebstrap squashfs-tools qemu-utils zstd jq
	@image/build.sh

# Builds it a second time elsewhere and says what differs.
image-twice:
	@image/prerequisites.sh mmdebstrap squashfs-tools qemu-utils zstd jq
	@image/twice.sh

# Writes down the package versions of the last build.
image-lock:
	cp out/image/packages.txt image/packages.lock

# --- the service for people with their own Debian ---------------------------------------------------------------------

deb:
	@image/prerequisites.sh jq
	@image/deb.sh

# Installs it into a Debian 12 and a Debian 13 below a folder, and uses it there. As root.
deb-check:
	@image/prerequisites.sh mmdebstrap
	@ls out/deb/holdfast_*.deb >/dev/null 2>&1 || $(MAKE) deb
	@image/deb-check.sh

clean:
	rm -rf out
	find appliance drivers tests -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
