#!/usr/bin/env bash
# Install ESPnet 202611 on Python 3.12 into tools/venv312 and run a part of the tests with it.
# Usage: tools/test_other_espnet.sh [PROCESSES [TESTS ...]]
# The default environment is left as it is. Without a Python 3.12 it says so and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
processes=${1:-2}
shift $(($# > 0))
# What the two ESPnets could do differently: tasks and trainers, arks, the model, a recipe.
tests=(test/espnet2_ext/training test/espnet2_ext/prosody2vec test/espnet2_ext/speaker
    test/espnet2_ext/test_compat.py test/recipes/test_mini_emo.py)
[ $# -eq 0 ] || tests=("$@")

# pyenv's python3.12 exists but does not run where another version is chosen.
python=
for candidate in python3.12 "${PYENV_ROOT:-${HOME}/.pyenv}"/versions/3.12*/bin/python3.12; do
    if "${candidate}" -c pass 2> /dev/null; then python=${candidate}; break; fi
done
if [ -z "${python}" ]; then
    echo "[test] no Python 3.12 here: ESPnet 202611 is NOT tested, nor are its pinned versions resolved"
    exit 0
fi
# The other environment is for this script alone: recipes find it by ESPNET2_EXT_PYTHON.
kept=$(cat tools/.setup-python 2> /dev/null || true)
restore() { if [ -n "${kept}" ]; then echo "${kept}" > tools/.setup-python; else rm -f tools/.setup-python; fi; }
trap restore EXIT
tools/setup.sh --python "${python}" --venv tools/venv312 --dev
restore
trap - EXIT  # what setup.sh chooses during the tests stays chosen
ESPNET2_EXT_PYTHON=${PWD}/tools/venv312/bin/python
export ESPNET2_EXT_PYTHON OMP_NUM_THREADS=1
"${ESPNET2_EXT_PYTHON}" -m pytest -n "${processes}" --dist worksteal "${tests[@]}"
