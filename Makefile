# Everything a person types. Each target installs and builds what it needs by itself.
.DEFAULT_GOAL := help
.PHONY: help run test check bench build clean spec format soak image image-lock image-test
ARCH ?= arm64
MODULES := node_modules/.ready

help: ## what can be typed here
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="	" read -r name what; do printf '  make %-11s %s\n' "$$name" "$$what"; done

$(MODULES): package-lock.json package.json .npmrc
	@npm ci --no-audit --no-fund --loglevel=error
	@npx --no-install tap build >/dev/null 2>&1 || { echo 'cannot build the test runner: run npx tap build to see why'; exit 1; }
	@touch $@

build: $(MODULES) ## bundle the commands and the console into build/
	@node tools/build.mjs

run: build ## this machine as a box in a territory of its own, live in the provider's console
	@exec node tools/run.mjs

test: build ## the tests
	@node tools/test.mjs $(ONLY)

check: build ## types, lint, import directions
	@npx --no-install tsc --noEmit
	@npx --no-install biome check --error-on-warnings .
	@node tools/directions.mjs

bench: build ## figures beside their references, into build/bench.json
	@SHORT=$(SHORT) node build/test/bench/main.js $(ONLY)

soak: build ## the tests at full size
	@KILLS=1000 node tools/test.mjs
	@BOXES=10000 node build/test/bench/main.js renewal fleet
	@BOXES=10000 node tools/test.mjs storm
	@DAYS=30 node build/test/bench/main.js week
	@MOMENTS=20 $(MAKE) --no-print-directory image-test ARCH=amd64 ONLY='faults-killed faults-broken'
	@CUTS=200 $(MAKE) --no-print-directory image-test ARCH=amd64 ONLY=power

spec: build ## write docs/spec and the client's types again from the code
	@node build/test/support/write-spec.js

image: build ## what goes onto a card, into build/image; ARCH=amd64 for small PCs (image/README.md)
	@node build/image/main.js build $(ARCH)

image-lock: build ## resolve the image's packages anew, against the archive of today
	@node build/image/main.js lock amd64
	@node build/image/main.js lock arm64

image-test: build ## the image in QEMU, from flash to updated; ONLY=word for other scenarios; needs root
	@node build/image/main.js prepare $(ARCH)
	@unshare --net node build/test/image/main.js $(ARCH) $(ONLY)

format: $(MODULES) ## format the sources
	@npx --no-install biome check --write .

clean: ## remove what was built; the state in .run stays
	@rm -rf build node_modules .tap
