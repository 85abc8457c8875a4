# SPDX-License-Identifier: MIT
# The front door: each target takes the compiler at hand, installs what is missing where it can, and shows its progress.
# What it does is in tools/; CMake itself is used as in `cmake --preset dev && cmake --build build/dev`.
.PHONY: help demo test ci ci-rest test-all first-run bench header-cost format format-check clean
.NOTPARALLEL:

help:  ## print this list
	@echo "make demo is a good start; make test says whether all is well here."
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | \
	  while read -r name text; do printf '  make %-13s %s\n' $$name "$$text"; done

demo:  ## build the library and a program that shows it, and run that
	@tools/install-deps.sh demo
	@tools/build.sh release -DASYNCIO_CPP_BUILD_TESTS=OFF -- example-demo
	@build/release/examples/demo

test:  ## build all and run the tests, on epoll and io_uring
	@tools/install-deps.sh test
	@tools/test.sh dev

ci:  ## make test, then the same with g++ 14 -O2 and with the address and undefined behaviour sanitizers
	@tools/install-deps.sh ci
	@$(MAKE) --no-print-directory test ci-rest

ci-rest: test-gcc test-asan format-check

test-all:  ## make ci with the slow tests, then every other compiler and sanitizer (hours)
	@tools/install-deps.sh all
	@$(MAKE) --no-print-directory test-dev ci-rest test-gcc-debug test-gcc-asan test-tsan SLOW=--slow
	@$(MAKE) --no-print-directory test-gcc-13 test-gcc-13-debug test-gcc-15 test-gcc-16 test-libcxx test-aarch64
	@$(MAKE) --no-print-directory first-run

first-run:  ## make demo and make test as the first thing on a new Debian 12 and a new Debian 13
	@tools/install-deps.sh first-run
	@for debian in bookworm trixie; do \
	  tools/chroot.sh new-$$debian sh -c 'make demo && make test' </dev/null || exit 1; done

# test-PRESET: one of CMakePresets.json. Where its compiler is not here, tools/chroot.sh gets a Debian that has it.
test-%:
	@tools/test.sh $* $(SLOW)

bench:  ## compare with Boost.Asio, libuv and others (10 minutes; ARGS=--quick: 2), write build/bench-report
	@tools/install-deps.sh bench
	@bench/run.py $(ARGS)

header-cost:  ## what each public header costs the compiler
	@tools/header_cost.py --compiler "$$(tools/compiler.sh)"

format:  ## format all sources in place
	@tools/install-deps.sh format
	@find include src tests examples bench -name '*.h' -o -name '*.cpp' | xargs clang-format-19 -i

format-check:  ## say which sources `make format` would change
	@tools/install-deps.sh format
	@find include src tests examples bench -name '*.h' -o -name '*.cpp' | xargs clang-format-19 --dry-run -Werror

clean:  ## remove all that was built
	rm -rf build
