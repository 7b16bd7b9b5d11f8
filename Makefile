# A short way to the usual things; the build itself is meson's (meson.build).
BUILD ?= build
TIME ?= 60

.PHONY: run build test fuzz lint install deb packages clean

# Installs what is missing, builds, makes a development instance in ./dev, and serves it in the foreground.
run: packages build
	@exec tools/run-dev

packages:
	@tools/install-packages

# The optimised program, at build/pombal.
build: $(BUILD)/build.ninja
	ninja -C $(BUILD) pombal pombal.1 pombal.conf.5

$(BUILD)/build.ninja:
	meson setup $(BUILD) -Dbuildtype=debugoptimized

# Unit and end-to-end tests, with sanitizers; ends with "N passed, N failed".
test:
	@tests/run

# Each fuzz target for TIME seconds, two at a time.
fuzz:
	@tools/install-packages clang
	[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
	ninja -C build-fuzz $(patsubst %.c,%,$(wildcard src/*/*_fuzz.c))
	@tools/fuzz $(TIME)

# What can be said about the code without running it: layers, references, compilers' analysis, hardening of what was built.
lint: build
	@tools/lint $(BUILD)

# A Debian package, in build-deb/.
deb:
	@tools/build-deb

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-test build-fuzz build-deb build-lint
