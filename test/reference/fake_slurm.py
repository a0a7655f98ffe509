"""A stand-in for sbatch, which runs what it is given at once, an array's tasks side by side."""

from pathlib import Path

_SBATCH = """#!/usr/bin/env bash
# Runs the batch script at once, for each number of --array, as sbatch --wait would.
printf '%s\\n' "$@" > sbatch.arguments
printf '%s\\n' "$*" >> sbatch.calls
echo 42
array=
while [ $# -gt 1 ]; do
    if [ "$1" = --array ]; then array=${2%%%*}; shift; fi
    shift
done
code=0
if [ -z "${array}" ]; then bash "$1" || code=$?; exit ${code}; fi
tasks=()
for task in $(seq "${array%-*}" "${array#*-}"); do
    SLURM_ARRAY_TASK_ID=${task} bash "$1" &
    tasks+=($!)
done
for task in "${tasks[@]}"; do wait "${task}" || code=$?; done
exit ${code}
"""


def write_sbatch(folder: Path) -> Path:
    """Write ``sbatch`` into the folder, which is to stand first in PATH, and return it.

    In the directory where it is called, ``sbatch.arguments`` holds its last arguments, one a
    line, and ``sbatch.calls`` a line for each call.
    """
    folder.mkdir()
    (folder / "sbatch").write_text(_SBATCH)
    (folder / "sbatch").chmod(0o755)
    return folder
