# SPDX-License-Identifier: MIT
# Thin: meson knows the build, tools/ knows the rest; this file saves typing.
#
#   make run      install what is missing, build, serve the bookcase
#   make check    install what is missing, pass every test
#   make bench    measure, beside what others do
#   make asan     the C tests under AddressSanitizer and UBSan
#   make format lint install uninstall clean
#
# make run HTTP=127.0.0.1:8090 DATA=DIR APP=examples/bookcase-python
B    ?= build
HTTP ?= 127.0.0.1:8080
DATA ?= data
APP  ?= examples/bookcase-c
# Where pkg-config and the loader look on any machine.
MESON_ARGS ?= --libdir lib
export PATH := /usr/bin:$(PATH)

all: $(B)/build.ninja
	@ninja -C $(B) $(NINJA_ARGS)

run: deps-run
	@$(MAKE) --no-print-directory all
	@exec env B=$(B) tools/run-app $(APP) --http $(HTTP) --data $(DATA) $(ARGS)

check: deps-check
	@test ! -f $(B)/build.ninja || grep -q cmocka $(B)/build.ninja || \
	    meson setup --reconfigure $(B)
	@$(MAKE) --no-print-directory all
	@B=$(B) tools/check

bench: deps-bench
	@test -f $(B)-bench/build.ninja || meson setup $(B)-bench \
	    --buildtype release -Dbench=true -Dtests=false
	@ninja -C $(B)-bench
	@B=$(B)-bench bench/run

asan:
	@test -f $(B)-asan/build.ninja || meson setup $(B)-asan \
	    -Db_sanitize=address,undefined -Db_lundef=false -Dpython=disabled
	@meson test -C $(B)-asan --print-errorlogs

format:
	@clang-format -i $$(git ls-files 'src/*.[ch]' 'include/*.h' \
	    'plugins/*.[ch]' 'python/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' \
	    ':!src/ctl/skeleton')

lint: all
	@tools/lint $(B)

install: all
	@meson install -C $(B)

uninstall:
	@tools/uninstall $(B)

clean:
	@rm -rf $(B) $(B)-asan $(B)-bench

deps-%:
	@tools/install-deps $*

$(B)/build.ninja:
	@meson setup $(B) $(MESON_ARGS)

.PHONY: all run check bench asan format lint install uninstall clean
