"""A checkout of ESPnet as far as a recipe meets it; no package registry has these files.

The stand-ins keep the conventions of egs2/TEMPLATE/asr1 (ESPnet 202511): what its path.sh sets and
sources, the backend of cmd.sh, Kaldi's run.pl with its quoting, and the rules of
utils/validate_data_dir.sh.
"""

import shutil
import sys
from pathlib import Path

from reference.recipe_copy import MADE, ROOT

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
_RUN_PL = '''#!/usr/bin/env python3
"""run.pl [--OPTION VALUE ...] [JOB=1:n] LOG COMMAND...: a shell reads what the words make."""
import re, subprocess, sys, time

words, name, first, last = sys.argv[1:], None, 1, 1
while words and re.match(r"--|\\w+=\\d+:\\d+$", words[0]):
    if words[0].startswith("--"):
        del words[:2]
    else:
        name, first, last = re.match(r"(\\w+)=(\\d+):(\\d+)$", words.pop(0)).groups()
log, *words = words
assert last == 1 or name in log, "run.pl: the log needs the name of the job"
quoted = [
    word if re.fullmatch(r"\\S+", word) else f"'{word}'" if '"' in word else f'"{word}"'
    for word in words
]
jobs = []
for job in range(int(first), int(last) + 1):
    text, path = (re.sub(name or "$^", str(job), each) for each in (" ".join(quoted), log))
    stream = open(path, "w")
    stream.write(f"# {text}\\n# Started at {time.ctime()}\\n#\\n")
    stream.flush()
    script = ["bash", "-c", text]
    jobs.append((subprocess.Popen(script, stdout=stream, stderr=subprocess.STDOUT), stream))
failed = 0
for process, stream in jobs:
    failed += process.wait() != 0
    stream.write(f"# Ended (code {process.returncode}) at {time.ctime()}\\n")
sys.exit(failed and f"run.pl: {failed} / {len(jobs)} failed, log is in {log}")
'''
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
    for name, text in (("path.sh", _PATH), ("cmd.sh", _CMD)):
        (template / "asr1" / name).write_text(text)
    for name, text in (("run.pl", _RUN_PL), ("validate_data_dir.sh", _VALIDATE)):
        (template / "asr1/utils" / name).write_text(text)
        (template / "asr1/utils" / name).chmod(0o755)
    (root / "tools").mkdir()
    (root / "tools/activate_python.sh").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    (root / "tools/extra_path.sh").touch()
    recipe = root / "egs2" / corpus / task
    shutil.copytree(ROOT / "egs2" / corpus / task, recipe, symlinks=True, ignore=MADE)
    for name in ("path.sh", "cmd.sh", "utils"):
        (recipe / name).unlink(missing_ok=True)
        (recipe / name).symlink_to(f"../../TEMPLATE/asr1/{name}")
    # ESPnet's place for what a recipe adds; for an installed package this is empty.
    (recipe / "local/path.sh").write_text(f"export PYTHONPATH={ROOT}:${{PYTHONPATH:-}}\n")
    return recipe
