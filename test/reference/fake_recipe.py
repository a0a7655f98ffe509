"""A recipe directory whose interpreter is a stand-in: it writes down what it is asked for.

So the order of stages and their options are tested without the minutes that stages take.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

EGS2 = Path(__file__).resolve().parents[2] / "egs2"
P2V_EXP = "exp/p2v_train_tiny_hubert_base_6_100"

_PYTHON = """#!/usr/bin/env bash
printf '%q ' "$@" >> quoted; echo >> quoted
# Write down the module and its options; fail where the file `fail` names the module. A module with
# commands counts with its command, such as prepare_esd.
module=${2##*.}
case "${module}" in prepare | score | report) module+=_$3; set -- "${@:1:2}" "${@:4}" ;; esac
echo "${module} ${*:3}" >> calls
if [ "$(cat fail 2> /dev/null)" = "${module}" ]; then exit 9; fi
out=$(sed -n 's/.*--out\\(put\\)*_dir \\([^ ]*\\).*/\\2/p' <<< "$*")
"""
_PREPARE = """#!/bin/sh
echo "data.sh $*" >> calls
echo "data.sh: ${python} ${nj}" >> given
"""
_CONVERSION = """
    p2v_inference) mkdir -p "${out}"; echo "${conversion:-1}" > "${out}/settings.json" ;;
    score_conversion) echo '{}' > exp/results.jsonl ;;
esac
"""


def lines(before: str, after: str) -> str:
    """Return a table of five lines that differ in a number."""
    return "".join(f"{before}{number}{after}\n" for number in range(5))


class Template(NamedTuple):
    """What a recipe of a template needs to run; ``behaviour`` is that of ``write_recipe``."""

    scripts: str  # of the templates, the one to run first
    settings: dict[str, str]  # options without which it does not run
    files: dict[str, str]  # path to text of what the stages look for
    behaviour: str


_COMMON = {"python": "fake/python", "ngpu": "0", "nj": "2"}
_SETS = {"train_set": "tr", "valid_set": "va", "test_sets": "te"}
_FORMATTED = {f"dump/raw/{name}/wav.scp": lines(f"{name}-", " x.wav") for name in _SETS.values()}
TEMPLATES = {
    "p2v1": Template(
        "p2v1/p2v.sh",
        _COMMON | _SETS | {"p2v_config": "conf/train_tiny.yaml"},
        _FORMATTED
        | {"data/te/pairs/same/pairs": "p s r v\n", "data/te/pairs/.hidden/x": ""}
        | {"conf/train_tiny.yaml": "max_epoch: 1\n"},
        f"""
case "${{module}}" in
    aggregate_stats_dirs) if grep -q 'write_collected_feats true' calls; then
        mkdir -p exp/p2v_stats_16k/{{train,valid}}/collect_feats
        tee exp/p2v_stats_16k/{{train,valid}}/collect_feats/feats.scp <<< "a a.npy" > /dev/null
        fi ;;
    launch) echo weights > {P2V_EXP}/valid.loss.best.pth ;;{_CONVERSION}""",
    ),
    "evc1": Template(
        "evc1/evc.sh p2v1/p2v.sh",
        _COMMON | _SETS | {"p2v_model": "pretrained.pth", "evc_config": "conf/train_evc.yaml"},
        _FORMATTED | {"conf/train_evc.yaml": "max_epoch: 1\n", "pretrained.pth": "weights"},
        """
case "${module}" in
    derive_pairs) for rule in same_voice parallel average intensity; do
            mkdir -p "data/te/pairs/${rule}"
            echo "p s r v" > "data/te/pairs/${rule}/pairs"
            echo "rule of ${rule}" > "data/te/pairs/${rule}/rule"
        done ;;
    prepare_fine_tuning)
        mkdir -p "${out}"
        cp conf/train_evc.yaml "${out}/train.yaml"
        printf '%s\\n' kmeans_feature=hub/6 nclusters=7 kmeans_centroids=their/centroids.npz \\
            speaker_encoder=their/encoder "p2v_config=${out}/train.yaml" \\
            "pretrained_model=${out}/model.pth" \\
            "p2v_args='--normalize_conf stats_file=their/stats.npz'" > "${out}/p2v_options.sh" ;;"""
        + _CONVERSION,
    ),
    "ser1": Template(
        "ser1/ser.sh",
        _COMMON | {"train_set": "tiny", "ser_configs": "conf/a.yaml conf/b.yaml"},
        {
            f"dump/raw/tiny/{name}": lines("u-", f" {name}")
            for name in ("wav.scp", "utt2num_samples", "utt2emo")
        },
        """
if [ "${module}" = export_prosody_encoder ]; then
    mkdir -p "${out}"
    printf 'sha256: a\\nfeatures_conf:\\n  n_fft: %s\\nprosody_path: %s\\n' "${n_fft:-1024}" \\
        "${prosody_path:-implicit}" > "${out}/config.yaml"
fi
""",
    ),
    "style1": Template(
        "style1/style.sh",
        {"python": "fake/python", "inference_nj": "2", "test_sets": "ta tb"}
        | {"p2v_model": "exp/p2v_x/best.pth"},
        dict.fromkeys(("exp/p2v_x/best.pth", "data/ta/list.tsv", "data/tb/list.tsv"), "x"),
        """
case "${module}" in
    convert_list) mkdir -p "${out}"; echo "${conversion:-1}" > "${out}/conversions.tsv" ;;
    score_style) echo '{}' > exp/results.jsonl ;;
esac
""",
    ),
    "voc1": Template(
        "voc1/voc.sh",
        _COMMON | {"train_set": "tr", "valid_set": "va"},
        {"conf/train_vocoder.yaml": "max_epoch: 1\n"},
        """
case "${module}" in
    filter_length)
        mkdir -p "${out}"
        for table in wav.scp utt2num_samples; do echo "${out}" > "${out}/${table}"; done ;;
    launch) echo "${conversion:-1}" > "${out}/valid.mel_loss.best.pth" ;;
    score_vocoder) mkdir -p "${out}"; echo '{}' > exp/results.jsonl ;;
esac
""",
    ),
}


def write_recipe(
    root: Path, task: str, files: Mapping[str, str] | None = None, behaviour: str | None = None
) -> Path:
    """Return a recipe directory as egs2/<corpus>/<task>, with stand-ins for tools and data.

    ``root`` takes the place of the checkout; ``files`` and ``behaviour`` stand in place of the
    template's. What the interpreter does beyond writing down is shell that finds ``module`` and
    ``out``, the output directory it was given.
    """
    template = TEMPLATES[task]
    files = template.files if files is None else files
    python = _PYTHON + (template.behaviour if behaviour is None else behaviour)
    recipe = root / "egs2/tiny" / task
    programs = {"local/data.sh": _PREPARE, "fake/python": python}
    (root / "tools").mkdir()
    (root / "tools/activate_python.sh").write_text("true\n")
    (root / "tools/cpu_settings.sh").symlink_to(EGS2.parent / "tools/cpu_settings.sh")
    (recipe / "conf").mkdir(parents=True)
    (recipe / "common").symlink_to(EGS2 / "TEMPLATE/common")
    for path, text in {**programs, **files}.items():
        (recipe / path).parent.mkdir(parents=True, exist_ok=True)
        (recipe / path).write_text(text)
        (recipe / path).chmod(0o755)
    for script in (*template.scripts.split(), "common/path.sh", "common/cmd.sh", "common/db.sh"):
        (recipe / Path(script).name).symlink_to(EGS2 / "TEMPLATE" / script)
    return recipe


def shell(
    directory: Path, *command: object, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a directory with more in its environment; return how it ended."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def run(
    recipe: Path, *arguments: str, fails: bool = False, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the template's script, which must succeed or fail; ``calls`` tells what it called."""
    for name in ("calls", "given", "quoted"):
        (recipe / name).unlink(missing_ok=True)
    template = TEMPLATES[recipe.name]
    options = {**template.settings, **settings}.items()
    script = Path(template.scripts.split()[0]).name
    words = (word for name, value in options for word in (f"--{name}", value))
    done = shell(recipe, f"./{script}", *arguments, *words)
    assert (done.returncode != 0) == fails, done.stderr
    return done


def calls(recipe: Path) -> list[str]:
    """Return a line for each call: the module and its options."""
    path = recipe / "calls"
    return path.read_text().splitlines() if path.exists() else []


def modules(recipe: Path) -> list[str]:
    """Return what was called, each once."""
    return list(dict.fromkeys(line.split()[0] for line in calls(recipe)))


def options_of(recipe: Path, module: str) -> list[str]:
    """Return the options of each call of a module, as one string."""
    return [line.partition(" ")[2] for line in calls(recipe) if line.split()[0] == module]


def value_of(options: str, name: str) -> str:
    """Return the value of an option, up to the next one."""
    return options.split(f"--{name} ")[1].split(" --")[0]
