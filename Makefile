# The two commands of README.md are `make demo` and `make test`; each installs what it needs.
SHELL := /usr/bin/env bash
JOBS ?= 2
ACTIVATE := . tools/activate_python.sh
DEMO := egs2/mini_emo/p2v1
RECOGNITION := egs2/mini_emo/ser1
CONVERSION := egs2/mini_emo/evc1
SCRIPTS := .ci/run $(shell find egs2 tools -name '*.sh' -type f -not -path 'tools/venv*' -not -path '*/exp/*')

.PHONY: help demo test test-other lint bench clean

help:
	@echo "make demo    install, pretrain on the generated corpus, recognise, fine-tune, convert: about 35 minutes on 2 cores"
	@echo "make test    install with the test tools and run the tests (JOBS=$(JOBS) processes)"
	@echo "make test-other  part of the tests with the other ESPnet (Python 3.12), in tools/venv312"
	@echo "make lint    ruff, mypy on the package, shellcheck on the scripts"
	@echo "make bench   measure speed and memory: tools/bench/RESULTS.md"
	@echo "make clean   remove caches and what the demo made; the environment in tools/venv stays"

demo:
	tools/setup.sh
	cd $(DEMO) && ./run.sh
	cd $(RECOGNITION) && ./run.sh
	cd $(RECOGNITION) && ./run_evaluation_model.sh
	cd $(CONVERSION) && ./run.sh
	@printf '\n%-10s%s\n%-10s%s\n%-10s%s\n%-10s%s\n%-10s%s\n' \
		Table '$(DEMO)/exp/RESULTS.md' \
		Emotions '$(RECOGNITION)/exp/RESULTS.md' \
		Tuned '$(CONVERSION)/exp/RESULTS.md' \
		Examples '$(DEMO)/exp/report/ (figures, and audio to listen to)' \
		Audio '$(DEMO)/exp/p2v_*/*/*/*/wav/ (every conversion)'

test:
	tools/setup.sh --dev
	$(ACTIVATE) && OMP_NUM_THREADS=1 python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

test-other:
	tools/test_other_espnet.sh $(JOBS)

lint:
	tools/setup.sh --dev
	$(ACTIVATE) && ruff check
	$(ACTIVATE) && ruff format --check
	$(ACTIVATE) && mypy espnet2_ext
	$(ACTIVATE) && shellcheck -x -P $(DEMO):SCRIPTDIR:SCRIPTDIR/.. $(SCRIPTS)

bench:
	tools/setup.sh
	$(ACTIVATE) && . tools/cpu_settings.sh && python -m tools.bench $(BENCH_ARGS)

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
	find egs2 espnet2_ext test tools -name __pycache__ -not -path 'tools/venv*' -prune -exec rm -rf {} +
	rm -rf egs2/mini_emo/*/{data,dump,exp,downloads}
	@echo "tools/venv stays; remove it with rm -r tools/venv"
