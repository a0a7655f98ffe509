#!/usr/bin/env bash
# Source this in a recipe directory: the interpreter, the package and the launchers on the paths.

MAIN_ROOT=$(cd "${PWD}/../../.." && pwd)
# shellcheck source=/dev/null
. "${MAIN_ROOT}/tools/activate_python.sh" || return 1

export PATH="${PWD}/common:${PATH}"
export PYTHONPATH="${MAIN_ROOT}${PYTHONPATH:+:${PYTHONPATH}}"
# Tables are sorted by byte and written in UTF-8, whatever the user's language.
export LC_ALL=C
export PYTHONUTF8=1
export PYTHONIOENCODING=UTF-8
# Figures are drawn without a display.
export MPLBACKEND=Agg
# Unlike ESPnet's path.sh this leaves OMP_NUM_THREADS alone: training on a CPU needs its
# threads, and the parallel data stages set one thread a process themselves.
# shellcheck source=/dev/null
. "${MAIN_ROOT}/tools/cpu_settings.sh"
