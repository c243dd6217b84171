# telem is headers only: there is nothing to build or install. This runs the demo and the tests.
# No configure step; CC, CFLAGS and JOBS are yours: make test CC=clang CFLAGS=-O3
CC = cc
CFLAGS = -O2
JOBS = 2
BUILD = build
export CC CFLAGS JOBS BUILD

HEADERS = $(wildcard *.h)
EXAMPLES = $(patsubst examples/%.c,$(BUILD)/bin/%,$(wildcard examples/*.c))
TOOLS = $(addprefix $(BUILD)/bin/,vitals vehicle telem)
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## record this machine and a simulated quadrotor for ten seconds, look at the files
	@sh tests/deps.sh demo
	@$(MAKE) --no-print-directory -j$(JOBS) $(TOOLS)
	@BIN=$(BUILD)/bin sh examples/demo.sh $(BUILD)/demo

test: ## every test that this machine can run, five to ten minutes, set-up included
	@sh tests/deps.sh small
	@$(MAKE) --no-print-directory -s -k -j$(JOBS) $(EXAMPLES:$(BUILD)/bin/%=$(BUILD)/bin-test/%) >/dev/null 2>&1 || true # examples.sh tells
	@sh tests/run.sh small

test-all: ## make test, then the other targets, fuzzing and stress
	@sh tests/all.sh

test-wide: ## only what test-all adds: Windows (wine), i386, aarch64, big-endian s390x (qemu)
	@sh tests/deps.sh wide
	@sh tests/deps.sh source
	@sh tests/run.sh wide

test-deep: ## every test in its long form under the sanitizers (asan, ubsan): what test-all runs short there
	@sh tests/deps.sh small
	@sh tests/run.sh deep

mcu: ## emulated Cortex-M0, M3, M4, M7, M33, STM32F4: interrupts at every instruction, black box, UART; what each seeded defect is found by
	@sh tests/deps.sh small
	@sh tests/mcu.sh full

mcu-sizes: ## flash, RAM and worst stack of each part on each core, -Os and -O2
	@sh tests/deps.sh small
	@sh tests/deps.sh source
	@sh tests/mcu/sizes.sh

misra: ## cppcheck's MISRA addon over the headers; the deviations with their reasons
	@sh tests/mcu/misra.sh

mcu-cost: ## instructions per call and per row on M0, M3 and M4, counted; bytes of an idle stream
	@sh tests/deps.sh small
	@sh tests/deps.sh source
	@for o in -Os -O2; do \
	    for b in m0 m3 m4; do sh tests/mcu.sh run $$b cost_ring $$o; done; \
	    sh tests/mcu.sh run m4 cost_file $$o | awk -f tests/mcu/project.awk; done | tee $(BUILD)/mcu-cost | sed '/^status 0/d'
	@! grep '^status [1-9]' $(BUILD)/mcu-cost

fuzz: ## libFuzzer on every tests/fuzz_*.c, FUZZ_SECONDS=60 each
	@sh tests/deps.sh small
	@sh tests/run.sh fuzz

fuzz-keep: ## add what fuzzing found (build/corpus), minimised, to tests/corpus
	@for d in $(BUILD)/corpus/*/; do n=$$(basename $$d); mkdir -p tests/corpus/$$n; \
	    $(BUILD)/fuzz/fuzz_$$n -merge=1 tests/corpus/$$n $$d || exit 1; done

model: ## the ring, and threads around a file's writer, under a model checker (relacy): 100,000 schedules of each scenario, all of one switch
	@sh tests/deps.sh small
	@sh tests/run.sh model

mutants: ## ring, file writer and programs of boards with a defect seeded, one at a time: the test that is named for it must fail
	@sh tests/deps.sh small
	@sh tests/run.sh mutants

stress: ## every tests/stress_*.c, STRESS_SECONDS=30 each
	@sh tests/deps.sh small
	@sh tests/run.sh stress

kills: | $(BUILD)/bin ## writers killed with SIGKILL while others follow, KILLS=1000: of a file with a journal, and of a feed that rotates
	@sh tests/deps.sh small
	@for t in scenario_journal scenario_feed; do \
	    $(CC) -std=c99 $(CFLAGS) $(WARN) -I. tests/$$t.c -o $(BUILD)/bin/$$t -llz4 -lpthread -lm || exit 1; done
	@JOURNAL_KILLS=$(KILLS) CHECK_ONLY=killed_writers CHECK_VERBOSE=1 $(BUILD)/bin/scenario_journal
	@FEED_KILLS=$(KILLS) CHECK_ONLY=at_any_time CHECK_VERBOSE=1 $(BUILD)/bin/scenario_feed

bench-ring: | $(BUILD)/bin ## what the ring costs beside what the machine needs at least (two processors, idle)
	@sh tests/deps.sh bench
	@peers=; libs=; \
	[ ! -e /usr/include/ck_ring.h ] || { peers="$$peers -DBENCH_CK"; libs="$$libs -lck"; }; \
	[ ! -e /usr/include/urcu/wfcqueue.h ] || { peers="$$peers -DBENCH_URCU"; libs="$$libs -lurcu-common"; }; \
	for mode in "" -DTELEM_RING_MEMCPY; do \
	    $(CC) -std=gnu99 $(CFLAGS) $(WARN) $$mode $$peers -I. tests/bench_ring.c -o $(BUILD)/bin/bench_ring$$mode -lpthread $$libs && \
	    $(BUILD)/bin/bench_ring$$mode || exit 1; \
	done

bench-shm: | $(BUILD)/bin ## shared memory between two processes, beside the way of a cache line, memcpy, futex
	@sh tests/deps.sh demo
	@$(CC) -std=gnu99 $(CFLAGS) $(WARN) -I. tests/bench_shm.c -o $(BUILD)/bin/bench_shm && $(BUILD)/bin/bench_shm

bench-latency: | $(BUILD)/bin ## what one row costs the writer, row by row: median to worst, rows/s, memory, idle streams
	@sh tests/deps.sh bench
	@$(CC) -std=gnu99 $(CFLAGS) -O3 $(WARN) -I. tests/bench_latency.c -o $(BUILD)/bin/bench_latency -llz4 -lm -lpthread && \
	LATENCY_DIR=$${LATENCY_DIR:-$(BUILD)} $(BUILD)/bin/bench_latency

bench-follow: | $(BUILD)/bin ## from a row's write to its being read in another process: journal mapped, by reads, by polling
	@sh tests/deps.sh demo
	@$(CC) -std=gnu99 $(CFLAGS) $(WARN) -I. tests/bench_follow.c -o $(BUILD)/bin/bench_follow -llz4 -lm && $(BUILD)/bin/bench_follow

KILLS = 1000
DATA = ../shared/data
bench-file: | $(BUILD)/bin ## columns files over sets of real telemetry (DATA=dir): size, speed beside LZ4 and zstd
	@sh tests/deps.sh bench
	@zstd=; [ ! -e /usr/include/zstd.h ] || zstd=-lzstd; \
	$(CC) -std=gnu99 $(CFLAGS) -O3 $(WARN) -I. tests/bench_file.c -o $(BUILD)/bin/bench_file -llz4 -lm $$zstd && \
	$(BUILD)/bin/bench_file $(DATA)
	@grep -qw avx2 /proc/cpuinfo 2>/dev/null || { echo "SKIPPED the AVX2 build (this processor has none)"; exit 0; }; \
	zstd=; [ ! -e /usr/include/zstd.h ] || zstd=-lzstd; \
	$(CC) -std=gnu99 $(CFLAGS) -O3 -march=x86-64-v3 $(WARN) -I. tests/bench_file.c -o $(BUILD)/bin/bench_file_avx2 -llz4 -lm $$zstd && \
	for b in bench_file bench_file_avx2; do \
	    BENCH_SECONDS=0.05 $(BUILD)/bin/$$b $(DATA) | sed -n "s/^mean\./$$b mean./p;/FAIL/p"; \
	done

bench-made: | $(BUILD)/bin ## the same over synthetic telemetry of the usual kinds (tests/sets_make.c), beside raw, LZ4 and zstd-3
	@sh tests/deps.sh bench
	@$(CC) -std=gnu99 $(CFLAGS) $(WARN) tests/sets_make.c -o $(BUILD)/bin/sets_make -lm && $(BUILD)/bin/sets_make $(BUILD)/made
	@$(MAKE) --no-print-directory bench-file DATA=$(BUILD)/made

bench-ablation: | $(BUILD)/bin ## each mode of the columns coding off in turn: size and speed against all on
	@sh tests/deps.sh bench
	@zstd=; [ ! -e /usr/include/zstd.h ] || zstd=-lzstd; \
	$(CC) -std=gnu99 $(CFLAGS) $(WARN) -DBENCH_ABLATION -I. tests/bench_file.c -o $(BUILD)/bin/bench_ablation -llz4 -lm $$zstd && \
	BENCH_SECONDS=$${BENCH_SECONDS:-0.03} $(BUILD)/bin/bench_ablation $(DATA)

examples: $(EXAMPLES) ## build the examples and the tool into build/bin

$(BUILD)/bin/%: examples/%.c $(HEADERS) $(wildcard examples/*.h) | $(BUILD)/bin
	$(CC) -std=c99 $(CFLAGS) $(WARN) -I. -Iexamples $< -o $@ -llz4 -lpthread -lm

$(BUILD)/bin-test/%: examples/%.c $(HEADERS) $(wildcard examples/*.h) | $(BUILD)/bin-test # for tests: compiled in a sixth of the time
	$(CC) -std=c99 $(CFLAGS) -O0 $(WARN) -I. -Iexamples $< -o $@ -llz4 -lpthread -lm

$(BUILD)/bin $(BUILD)/bin-test:
	@mkdir -p $@

install-deps: ## install everything that test-all uses (apt)
	@sh tests/deps.sh wide

format-check: ## what clang-format would change (a guide, not a gate)
	@clang-format --dry-run $(HEADERS) examples/*.c tests/*.c tests/*.h 2>&1 | grep -c warning || true

clean: ## remove build/
	rm -rf $(BUILD)

.PHONY: help demo test test-all test-wide test-deep mcu mcu-sizes mcu-cost misra fuzz fuzz-keep model mutants stress kills bench-ring bench-shm bench-follow bench-latency bench-file bench-made bench-ablation examples install-deps format-check clean
