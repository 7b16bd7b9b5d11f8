# A short way to the usual things; the build itself is meson's (meson.build).
BUILD ?= build
TIME ?= 60
# WEB=no builds a server without the web mail, which needs node and npm.
WEB_OPTION = $(if $(WEB),-Dweb=$(if $(filter no,$(WEB)),false,true))

.PHONY: run build test bench fresh crash tsan fuzz lint install deb web-pictures doc-pictures clean

# Installs what is missing, builds, makes a development instance in ./dev, and serves it in the foreground.
run:
	@exec ./run

# The optimised program, at build/pombal.
build: $(BUILD)/build.ninja
	$(if $(WEB_OPTION),meson configure $(BUILD) $(WEB_OPTION))
	ninja -C $(BUILD) pombal manual-pages

$(BUILD)/build.ninja:
	meson setup $(BUILD) -Dbuildtype=debugoptimized $(WEB_OPTION)

# Unit, end-to-end and crash tests, with sanitizers; ends with "N passed, N failed".
test:
	@tests/run

# Pombal beside Postfix and Dovecot, in one run: prints the table of the README; then its web role beside nginx. Needs root; installs the others.
bench: build
	@bench/run --table
	@bench/web

# The README's commands and its tour on a Debian that has nothing yet, as root and as a user with sudo. Needs root and debootstrap.
fresh:
	@for release in $(or $(RELEASE),bookworm trixie); do tools/test-fresh $$release || exit 1; done

# The crash tests at length: as many messages as MESSAGES (default 5,000) from 50 sessions while roles die, and as many while the
# power is cut 5 times. Needs root, for loop devices. Prints what it counted.
crash:
	@CRASH_MESSAGES=$(or $(MESSAGES),5000) CRASH_SESSIONS=50 CRASH_KILLS=150 CRASH_CUTS=5 CRASH_QUEUED=200000 CRASH_JMAP=5000 CRASH_WEB_KILLS=100 CRASH_TOGETHER=300 \
		POMBAL=$(or $(POMBAL),$(CURDIR)/build-test/pombal) POMBAL_TEST_WORKERS=0 tests/run crash -s

# Unit tests, and the end-to-end tests of what has threads, with ThreadSanitizer.
tsan:
	@tests/run tsan

# Each fuzz target for TIME seconds, two at a time, and what strangers reach before sign-in four times as long; then the whole server, with sanitizers, for as long (tests/fuzz/sessions.py).
fuzz:
	@tools/install-packages clang python3
	[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
	ninja -C build-fuzz $(patsubst %.c,%,$(wildcard src/*/*_fuzz.c src/*/*/*_fuzz.c))
	[ -f build-test/build.ninja ] || meson setup build-test -Db_sanitize=address,undefined -Doptimization=1
	ninja -C build-test pombal
	@tools/fuzz $(TIME); status=$$?; POMBAL=build-test/pombal tests/fuzz/sessions.py --seconds $(TIME) && exit $$status

# What can be said about the code without running it: layers, references, compilers' analysis, hardening of what was built.
lint: build
	@tools/lint $(BUILD)

# Pictures of every view of the web mail, in three languages, light and dark, for desktops and phones, in build-pictures/.
web-pictures: build
	@tests/run web-pictures

# The pictures in the documents, docs/pictures/.
doc-pictures: build
	@tests/run web-doc-pictures

# A Debian package, in build-deb/.
deb:
	@tools/build-deb

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) build-test build-tsan build-fuzz build-deb build-lint build-pictures web/dist web/.cache
