"""A checkout of ESPnet as far as a recipe meets it; no package registry has these files.

The stand-ins keep the conventions of egs2/TEMPLATE/asr1 (ESPnet 202511): what its path.sh sets and
sources, the backend of cmd.sh, Kaldi's run.pl with its quoting, and the rules of
utils/validate_data_dir.sh.
"""

import sys
from pathlib import Path

from reference.recipe_copy import ROOT, copy_recipe

_PATH = """MAIN_ROOT=$PWD/../../..
export PATH=$PWD/utils/:$PATH
export LC_ALL=C
if [ -f "${MAIN_ROOT}"/tools/activate_python.sh ]; then
    . "${MAIN_ROOT}"/tools/activate_python.sh
fi
. "${MAIN_ROOT}"/tools/extra_path.sh
export OMP_NUM_THREADS=1
export PYTHONIOENCODING=UTF-8
export NCCL_SOCKET_IFNAME="^lo,docker,virbr,vmnet,vboxnet"
. local/path.sh
"""
_CMD = """cmd_backend='local'
if [ "${cmd_backend}" = local ]; then
    export train_cmd="run.pl"
    export cuda_cmd="run.pl"
    export decode_cmd="run.pl"
fi
"""
_RUN_PL = r"""#!/usr/bin/env bash
# run.pl [--OPTION VALUE ...] [JOB=1:n] LOG COMMAND...: a shell reads what the words make.
name=$'\1' last=1 command= failed=0 jobs=()
while [[ $1 == --* ]]; do shift 2; done
if [[ $1 =~ ^([A-Z]+)=1:([0-9]+)$ ]]; then
    name=${BASH_REMATCH[1]} last=${BASH_REMATCH[2]}
    shift
fi
log=$1
for word in "${@:2}"; do
    if [[ -z ${word} || ${word} =~ [[:space:]] ]]; then
        case ${word} in *'"'*) word="'${word}'" ;; *) word="\"${word}\"" ;; esac
    fi
    command+="${word} "
done
for job in $(seq "${last}"); do
    text=${command//${name}/${job}}
    { echo "# ${text}"; bash -c "${text}"; code=$?; echo "# Ended (code ${code})"; exit ${code}; } \
        > "${log//${name}/${job}}" 2>&1 &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "${job}" || failed=$((failed + 1)); done
[ ${failed} -eq 0 ] || { echo "run.pl: ${failed} / ${last} failed, log is in ${log}" >&2; exit 1; }
"""
_VALIDATE = """#!/usr/bin/env bash
# utils/validate_data_dir.sh DIR: tables sorted, of the same utterances, spk2utt and utt2spk alike.
set -euo pipefail
export LC_ALL=C
cd "$1"
keys() { cut -d ' ' -f 1 "$1"; }
for name in wav.scp utt2spk spk2utt text; do
    [ "${name}" = text ] && [ ! -f text ] || keys "${name}" | sort -u -c
    [ "${name}" = spk2utt ] || [ ! -f "${name}" ] || cmp <(keys "${name}") <(keys utt2spk)
done
cmp <(sort -k 2,2 -s utt2spk) utt2spk
cmp <(awk '{ for (i = 2; i <= NF; i++) print $i, $1 }' spk2utt | sort) utt2spk
"""


def write_espnet(root: Path, corpus: str, task: str) -> Path:
    """Return a copy of our recipe in a checkout of ESPnet, with its path.sh, cmd.sh and utils."""
    template = root / "egs2/TEMPLATE"
    (template / "asr1/utils").mkdir(parents=True)
    for path in (ROOT / "egs2/TEMPLATE").iterdir():
        (template / path.name).symlink_to(path)
    files = {"path.sh": _PATH, "cmd.sh": _CMD}
    files |= {"utils/run.pl": _RUN_PL, "utils/validate_data_dir.sh": _VALIDATE}
    for name, text in files.items():
        (template / "asr1" / name).write_text(text)
        (template / "asr1" / name).chmod(0o755)
    (root / "tools").mkdir()
    (root / "tools/activate_python.sh").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    (root / "tools/extra_path.sh").touch()
    recipe = copy_recipe(root, task, corpus)
    for name in ("path.sh", "cmd.sh", "utils"):
        (recipe / name).unlink(missing_ok=True)
        (recipe / name).symlink_to(f"../../TEMPLATE/asr1/{name}")
    # ESPnet's place for what a recipe adds; for an installed package this is empty.
    (recipe / "local/path.sh").write_text(f"export PYTHONPATH={ROOT}:${{PYTHONPATH:-}}\n")
    return recipe
