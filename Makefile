# ub's one Makefile.
#
# Targets:
#   all        build/ub and build/libub.a (the default)
#   deps       install through apt what building needs and is missing (root or sudo)
#   deps-test  the same for what the tests need; deps-check for what `make check` can use
#   try        deps, all, and a demonstration in a scratch folder
#   try-test   deps, deps-test and all tests
#   test       everything: scripts, unit programs, replay of the fuzz corpora
#   unit       the unit programs alone
#   fuzz       libFuzzer on every parser, FUZZ_SECONDS each (clang)
#   check      warnings as errors, style, layers, banned calls, headers alone, linters, manuals
#   bench      t/bench/*.sh: paired ratios, not tests (UB_BENCH_DIR, PAIRS, ROWS)
#   coverage   lines reached by the tests, by gcov
#   doc        man pages, with asciidoctor
#   install    PREFIX=/usr/local DESTDIR=
#   clean      remove what was built (not what `deps` downloaded)
#
# Knobs: V=1 shows commands, D=1 debug build, SAN=address,undefined (or thread), T='t1* u-buf'
# selects tests, CC=clang, JOBS=2, UB_VERSION=.  Local settings go into config.mak.
# Objects lie under build/, and under build/san-*, build/debug, build/clang for those builds.

-include config.mak

UB_VERSION ?= 0.1.0
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
PKG_CONFIG ?= pkg-config
MACHINE := $(shell uname -m)

# `CC=gcc` alone is the plain build; other builds live beside it.
ifeq ($(origin CC),default)
CC := gcc
endif
B ?= build$(if $(findstring clang,$(CC)),/clang)$(if $(SAN),/san-$(SAN))$(if $(D),/debug)

ifeq ($(V),)
Q = @
say = @printf '%-5s %s\n' $(1) $(2)
endif

# Libraries ---------------------------------------------------------------------------------

LIBS_PC = libsodium libcrypto libzstd libgit2 sqlite3 libarchive
DEPS = pkg-config libsodium-dev libssl-dev libzstd-dev libgit2-dev libsqlite3-dev libarchive-dev
DEPS_TEST = python3 python3-nacl python3-zstandard gdb git zstd libarchive-tools acl attr rsync \
	btrfs-progs
DEPS_CHECK = clang clang-tidy cppcheck shellcheck asciidoctor man-db

# BLAKE3: the system's library, else upstream's C and assembly as Debian ships them.
# BIP39's English words: Debian's python3-mnemonic.  Neither needs to be installed.
ifeq ($(shell $(PKG_CONFIG) --exists libblake3 2>/dev/null && echo yes),yes)
LIBS_PC += libblake3
else
BLAKE3_DIR := $(lastword $(wildcard build/deps/usr/share/cargo/registry/blake3-*/c) \
	$(wildcard /usr/share/cargo/registry/blake3-*/c))
BLAKE3_CFLAGS := $(if $(BLAKE3_DIR),-isystem $(BLAKE3_DIR))
BLAKE3_SRC := blake3.c blake3_dispatch.c blake3_portable.c
ifeq ($(MACHINE),x86_64)
BLAKE3_SRC += $(foreach isa,sse2 sse41 avx2 avx512,blake3_$(isa)_x86-64_unix.S)
else ifneq ($(filter aarch64 arm64,$(MACHINE)),)
BLAKE3_SRC += blake3_neon.c
BLAKE3_CFLAGS += -DBLAKE3_USE_NEON=1
endif
BLAKE3_OBJ := $(addprefix $(B)/blake3/,$(addsuffix .o,$(basename $(BLAKE3_SRC))))
endif
WORDS := $(firstword $(wildcard \
	/usr/lib/python3/dist-packages/mnemonic/wordlist/english.txt \
	build/deps/usr/lib/python3/dist-packages/mnemonic/wordlist/english.txt))

PC_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS_PC) 2>/dev/null)
# libgit2 and libarchive are loaded when they are needed, since that takes its time.
PC_LIBS := $(shell $(PKG_CONFIG) --exists $(LIBS_PC) 2>/dev/null && \
	$(PKG_CONFIG) --libs $(filter-out libgit2 libarchive,$(LIBS_PC)))

# What the build cannot do without; asked only when something is compiled.
MISSING := $(if $(PC_LIBS),,libraries ($(LIBS_PC)))
ifeq ($(filter libblake3,$(LIBS_PC)),)
MISSING += $(if $(BLAKE3_DIR),,BLAKE3)
endif
MISSING += $(if $(WORDS),,BIP39-words)
MISSING := $(strip $(MISSING))
need = $(if $(MISSING),$(error missing: $(MISSING); `make deps` gets it))

# Flags -------------------------------------------------------------------------------------

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
CFLAGS ?= -O2 -g
HARDEN = -fstack-protector-strong $(if $(SAN)$(D),,-D_FORTIFY_SOURCE=2) -fPIE
ifneq ($(D),)
CFLAGS = -O0 -g3
endif
SAN_FLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
UB_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -Ibuild $(WARN) $(WERROR) $(HARDEN) \
	$(if $(D),-DUB_DEBUG) $(SAN_FLAGS) $(COVERAGE) $(BLAKE3_CFLAGS) $(PC_CFLAGS) $(CFLAGS)
UB_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SAN_FLAGS) $(COVERAGE) $(LDFLAGS)
UB_LIBS = $(PC_LIBS) -pthread -ldl

# Files named after an instruction set are compiled for it, and guard themselves elsewhere.
ifeq ($(MACHINE),x86_64)
%-avx2.o: SIMD = -mavx2
%-avx512.o: SIMD = -mavx512f -mavx512bw -mavx512vl
endif
%/builtin/version.o: SIMD = -DUB_VERSION='"$(UB_VERSION)"'

# Sources -----------------------------------------------------------------------------------

# From the left to the right: nobody includes from, or links, what stands further right.
FOLDERS = lib crypto objects refs fs remote
SRC := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
BUILTIN := $(wildcard builtin/*.c)
UNIT := $(patsubst t/unit/%.c,%,$(wildcard t/unit/u-*.c))
FUZZ := $(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/fuzz-*.c))
HELPERS := $(patsubst t/helper/%.c,%,$(wildcard t/helper/*.c))

.PHONY: all deps deps-test deps-check try try-test test test-build unit fuzz check bench coverage
.PHONY: doc install clean distclean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

all: $(B)/ub $(B)/libub.a

# One build: $(1) its folder, $(2) its own flags.
define build
$(1)/.flags: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(CC) $(UB_CFLAGS) $(2)' | cmp -s - $$@ || \
		printf '%s\n' '$(CC) $(UB_CFLAGS) $(2)' >$$@

$(1)/obj/%.o: %.c $(1)/.flags | build/gen/bip39-words.h build/gen/manuals.h
	$$(need)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$(CC) $$(UB_CFLAGS) $(2) $$(SIMD) -MMD -MP -c -o $$@ $$<

$(foreach d,$(FOLDERS),$(1)/$(d).a: $(addprefix $(1)/obj/,$(patsubst %.c,%.o,$(wildcard $(d)/*.c)))
)
$(addprefix $(1)/,$(addsuffix .a,$(FOLDERS))): $(1)/.flags
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@.new && ar rcsD $$@.new $$(filter %.o,$$^) && mv $$@.new $$@

$(1)/libub.a: $(addprefix $(1)/obj/,$(SRC:.c=.o)) $(BLAKE3_OBJ)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@.new && ar rcsD $$@.new $$^ && mv $$@.new $$@

$(1)/ub: $(addprefix $(1)/obj/,$(BUILTIN:.c=.o)) $(1)/libub.a
	$$(call say,LINK,$$@)
	$$(Q)$(CC) $$(UB_LDFLAGS) -o $$@ $$^ $$(UB_LIBS)

-include $(addprefix $(1)/obj/,$(SRC:.c=.d) $(BUILTIN:.c=.d))
endef
$(eval $(call build,$(B),))
$(eval $(call build,$(B)/test,-DUB_TEST))

$(B)/blake3/%.o: $(BLAKE3_DIR)/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -O3 -fPIE -w $(BLAKE3_CFLAGS) -c -o $@ $<
$(B)/blake3/%.o: $(BLAKE3_DIR)/%.S
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -fPIE -c -o $@ $<
$(B)/blake3.a: $(BLAKE3_OBJ)
	@mkdir -p $(@D)
	$(Q)rm -f $@.new && ar rcsD $@.new $^ && mv $@.new $@

build/gen/bip39-words.h: $(WORDS)
	$(need)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)test "$$(wc -l <$<)" -eq 2048 && sed 's/.*/	"&",/' $< >$@

# What ub help shows where man does not find a page.
MANUALS = $(wildcard Documentation/ub*.adoc)
build/gen/manuals.h: $(MANUALS)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)for f in $(MANUALS); do \
		n=$${f##*/}; printf '{ "%s",\n' "$${n%.adoc}"; \
		sed -e '/^:doctype:/d' -e '/^\[verse\]/d' -e 's/[\\"?]/\\&/g' -e 's/.*/"&\\n"/' $$f; \
		echo '},'; \
	done >$@

# Unit programs: each links its own folder and those to the left, which proves the layers.

# The folders that $(1), u-NAME, may link: up to the one that holds NAME.c, else all.
upto = $(if $(2),$(firstword $(2)) $(if $(wildcard $(firstword $(2))/$(1:u-%=%).c),,$(call \
	upto,$(1),$(wordlist 2,99,$(2)))))
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
archives = $(patsubst %,$(B)/test/%.a,$(call reverse,$(call upto,$(1),$(FOLDERS)))) $(B)/blake3.a

define unit_program
$(B)/test/unit/$(1): $(B)/test/obj/t/unit/$(1).o $(call archives,$(1))
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$(CC) $$(UB_LDFLAGS) -o $$@ $$^ $$(UB_LIBS)
-include $(B)/test/obj/t/unit/$(1).d
endef
$(foreach u,$(UNIT),$(eval $(call unit_program,$(u))))

# Fuzz targets: a plain program that replays a corpus, and under clang the fuzzer itself.
$(B)/test/fuzz/%: $(B)/test/obj/t/fuzz/%.o $(B)/test/obj/t/fuzz/replay.o $(B)/test/libub.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(UB_LDFLAGS) -o $@ $^ $(UB_LIBS)
-include $(FUZZ:%=$(B)/test/obj/t/fuzz/%.d)

# Programs that scripts call.
$(B)/test/helper/%: $(B)/test/obj/t/helper/%.o $(B)/test/libub.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(UB_LDFLAGS) -o $@ $^ $(UB_LIBS)
-include $(HELPERS:%=$(B)/test/obj/t/helper/%.d)

# Tests -------------------------------------------------------------------------------------

UNIT_PROGRAMS = $(UNIT:%=$(B)/test/unit/%)
FUZZ_PROGRAMS = $(FUZZ:%=$(B)/test/fuzz/%)
RUN = UB_BUILD='$(abspath $(B))' UB_TEST_SAN='$(SAN)' t/run -j $(JOBS)

test-build: $(B)/test/ub $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS) $(HELPERS:%=$(B)/test/helper/%)

test: all test-build
	@$(RUN) $(or $(T),all)

unit: $(UNIT_PROGRAMS)
	@$(RUN) $(if $(T),$(T),'u-*')

bench: all
	@set -e; for b in $(filter-out t/bench/lib-%,$(wildcard t/bench/*.sh)); do echo "== $$b"; UB_BUILD='$(abspath $(B))' sh "$$b"; done

# libFuzzer wants the code it explores instrumented too, so this is a build of its own.
fuzz:
	@command -v clang >/dev/null || { echo "make fuzz needs clang" >&2; exit 1; }
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang SAN=fuzzer-no-link,address,undefined \
		fuzz-programs
	@set -e; for f in $(if $(T),$(T),$(FUZZ)); do \
		echo "== $$f"; mkdir -p build/fuzz/found/$$f build/fuzz/corpus/$$f; \
		build/fuzz/fuzzer/$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=build/fuzz/found/$$f/ \
			build/fuzz/corpus/$$f t/fuzz/corpus/$${f#fuzz-} 2>&1 | \
			{ grep -v '^stat::new_units\|^stat::slowest\|^INFO' || :; }; \
		test -z "$$(ls build/fuzz/found/$$f)" || { echo "$$f: found something"; exit 1; }; \
	done

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ:%=$(B)/fuzzer/%)
$(B)/fuzzer/%: $(B)/test/obj/t/fuzz/%.o $(B)/test/libub.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(UB_LIBS)

coverage:
	@$(MAKE) --no-print-directory B=build/cov COVERAGE=--coverage CFLAGS='-O0 -g' test
	@sh t/coverage.sh build/cov

check:
	@$(MAKE) --no-print-directory B=build/werror WERROR=-Werror all test-build
	@if command -v clang >/dev/null; then \
		$(MAKE) --no-print-directory B=build/werror-clang CC=clang WERROR=-Werror \
			all test-build; \
	else echo "skip  clang: not installed"; fi
	@status=0; for c in t/check-*.sh; do \
		UB_BUILD='$(abspath $(B))' CC='$(CC)' UB_CFLAGS='$(UB_CFLAGS)' sh $$c || status=1; \
	done; exit $$status

# Documents and installation ----------------------------------------------------------------

MAN := $(foreach n,1 5 7,$(patsubst %,build/man/%.$(n), $(basename $(notdir \
	$(shell grep -ls '^= .*($(n))$$' Documentation/*.adoc)))))

doc: $(MAN)
$(foreach n,1 5 7,build/man/%.$(n)): Documentation/%.adoc
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)asciidoctor -b manpage -a 'manmanual=ub manual' -a 'mansource=ub $(UB_VERSION)' \
		-a reproducible -o $@ $<

install: all
	install -D -m 755 $(B)/ub '$(DESTDIR)$(PREFIX)/bin/ub'
	install -D -m 644 contrib/completion/ub.bash \
		'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ub'
	@if command -v asciidoctor >/dev/null; then $(MAKE) --no-print-directory doc install-man; \
	else echo "no asciidoctor: man pages are not installed; they can be read in Documentation/"; fi

.PHONY: install-man
install-man: $(MAN)
	for m in $(MAN); do install -D -m 644 $$m \
		"$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}" || exit 1; done

clean:
	rm -rf $(filter-out build/deps,$(wildcard build/* build/.flags))
distclean: clean
	rm -rf build

# What is missing ---------------------------------------------------------------------------

# install_missing,PACKAGES: nothing is asked of apt when all are there.
define install_missing
@command -v dpkg-query >/dev/null || { \
	echo "not a Debian: please install what these packages hold: $(1)"; exit 0; }; \
missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || \
		missing="$$missing $$p"; \
done; \
test -z "$$missing" || { \
	echo "installing:$$missing"; \
	as_root=; test "$$(id -u)" = 0 || as_root=sudo; \
	$$as_root apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qq -y --no-install-recommends \
		$$missing >build/apt.log 2>&1 || { cat build/apt.log >&2; exit 1; }; \
}
endef

# unpack,PACKAGE: download it and unpack it, without what it would pull in.
define unpack
@echo "unpacking $(1) into build/deps"; \
	mkdir -p build/deps/deb && cd build/deps/deb && rm -f $(1)_*.deb && \
	{ apt-get -o APT::Sandbox::User=root download -qq $(1) 2>/dev/null || \
	{ as_root=; test "$$(id -u)" = 0 || as_root=sudo; $$as_root apt-get update -qq && \
	apt-get -o APT::Sandbox::User=root download -qq $(1); }; } && \
	dpkg -x $(1)_*.deb ..
endef

deps:
	@mkdir -p build
	$(call install_missing,$(if $(shell command -v $(CC)),,gcc libc6-dev) $(DEPS))
	$(if $(filter libblake3,$(LIBS_PC))$(BLAKE3_DIR),,$(call unpack,librust-blake3-dev))
	$(if $(WORDS),,$(call unpack,python3-mnemonic))

deps-test:
	@mkdir -p build
	$(call install_missing,$(DEPS_TEST))

deps-check:
	@mkdir -p build
	$(call install_missing,$(DEPS_CHECK))

try:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@UB_BUILD='$(abspath $(B))' sh t/demo.sh

try-test:
	@$(MAKE) --no-print-directory deps deps-test
	@$(MAKE) --no-print-directory -j$(JOBS) all test-build
	@$(MAKE) --no-print-directory test
