"""A recipe of each template with stand-ins, see ``fake_recipe``, and its least options."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reference.fake_recipe import run_script, write_lines, write_recipe

P2V_EXP = "exp/p2v_train_tiny_hubert_base_6_100"
_COMMON = {"python": "fake/python", "ngpu": "0", "nj": "2"}
_SETS = {"train_set": "tr", "valid_set": "va", "test_sets": "te"}
_CONVERSION = """
    p2v_inference) mkdir -p "${out}"; echo "${conversion:-1}" > "${out}/settings.json" ;;
    score_conversion) echo '{}' > exp/results.jsonl ;;
esac
"""


@dataclass(frozen=True)
class FakeTemplate:
    """What a recipe of a template needs to run.

    Attributes:
        scripts: of the templates, the one to run first.
        settings: options without which it does not run.
        behaviour: of the interpreter, see ``write_recipe``.
        prepare: writes what the stages look for into the recipe directory.
        sets: see ``write_recipe``.
    """

    scripts: tuple[str, ...]
    settings: dict[str, str]
    behaviour: str
    prepare: Callable[[Path], None]
    sets: tuple[str, ...] = ()


def _prepare_p2v(recipe: Path) -> None:
    for name in ("same", ".hidden"):
        (recipe / "data/te/pairs" / name).mkdir(parents=True)
    (recipe / "data/te/pairs/same/pairs").write_text("p s r v\n")
    (recipe / "conf/train_tiny.yaml").write_text("max_epoch: 1\n")


def _prepare_evc(recipe: Path) -> None:
    (recipe / "conf/train_evc.yaml").write_text("max_epoch: 1\n")
    (recipe / "pretrained.pth").write_text("weights")


def _prepare_ser(recipe: Path) -> None:
    (recipe / "dump/raw/tiny").mkdir(parents=True)
    for name in ("wav.scp", "utt2num_samples", "utt2emo"):
        write_lines(recipe / "dump/raw/tiny" / name, "u-", f" {name}")


def _prepare_style(recipe: Path) -> None:
    for name in ("exp/p2v_x/best.pth", "data/ta/list.tsv", "data/tb/list.tsv"):
        (recipe / name).parent.mkdir(parents=True)
        (recipe / name).write_text(name)


def _prepare_voc(recipe: Path) -> None:
    (recipe / "conf/train_vocoder.yaml").write_text("max_epoch: 1\n")


FAKES = {
    "p2v1": FakeTemplate(
        scripts=("p2v1/p2v.sh",),
        settings=_COMMON | _SETS | {"p2v_config": "conf/train_tiny.yaml"},
        behaviour=f"""
case "${{module}}" in
    aggregate_stats_dirs) if grep -q 'write_collected_feats true' calls; then
        mkdir -p exp/p2v_stats_16k/{{train,valid}}/collect_feats
        tee exp/p2v_stats_16k/{{train,valid}}/collect_feats/feats.scp <<< "a a.npy" > /dev/null
        fi ;;
    launch) echo weights > {P2V_EXP}/valid.loss.best.pth ;;{_CONVERSION}""",
        prepare=_prepare_p2v,
        sets=("tr", "va", "te"),
    ),
    "evc1": FakeTemplate(
        scripts=("evc1/evc.sh", "p2v1/p2v.sh"),
        settings=_COMMON
        | _SETS
        | {"p2v_model": "pretrained.pth", "evc_config": "conf/train_evc.yaml"},
        behaviour="""
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
        prepare=_prepare_evc,
        sets=("tr", "va", "te"),
    ),
    "ser1": FakeTemplate(
        scripts=("ser1/ser.sh",),
        settings=_COMMON | {"train_set": "tiny", "ser_configs": "conf/a.yaml conf/b.yaml"},
        behaviour="""
if [ "${module}" = export_prosody_encoder ]; then
    mkdir -p "${out}"
    printf 'sha256: a\\nfeatures_conf:\\n  n_fft: %s\\nother: 1\\n' "${n_fft:-1024}" \\
        > "${out}/config.yaml"
fi
""",
        prepare=_prepare_ser,
    ),
    "style1": FakeTemplate(
        scripts=("style1/style.sh",),
        settings={
            "python": "fake/python",
            "inference_nj": "2",
            "test_sets": "ta tb",
            "p2v_model": "exp/p2v_x/best.pth",
        },
        behaviour="""
case "${module}" in
    convert_list) mkdir -p "${out}"; echo "${conversion:-1}" > "${out}/conversions.tsv" ;;
    score_style) echo '{}' > exp/results.jsonl ;;
esac
""",
        prepare=_prepare_style,
    ),
    "voc1": FakeTemplate(
        scripts=("voc1/voc.sh",),
        settings=_COMMON | {"train_set": "tr", "valid_set": "va"},
        behaviour="""
case "${module}" in
    filter_length)
        mkdir -p "${out}"
        for table in wav.scp utt2num_samples; do echo "${out}" > "${out}/${table}"; done ;;
    launch) echo "${training:-1}" > "${out}/valid.mel_loss.best.pth" ;;
    score_vocoder) mkdir -p "${out}"; echo '{}' > exp/results.jsonl ;;
esac
""",
        prepare=_prepare_voc,
    ),
}


def write_fake(root: Path, task: str, behaviour: str | None = None) -> Path:
    """Return a recipe directory of the task; ``behaviour`` takes the place of the table's."""
    fake = FAKES[task]
    if behaviour is None:
        behaviour = fake.behaviour
    recipe = write_recipe(root, task, fake.scripts, fake.sets, behaviour)
    fake.prepare(recipe)
    return recipe


def run_fake(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Run the template's script; afterwards ``calls`` tells what this run called."""
    fake = FAKES[recipe.name]
    script = Path(fake.scripts[0]).name
    return run_script(recipe, script, {**fake.settings, **settings}, *arguments)


def run_ok(recipe: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Run the template's script, which must succeed."""
    done = run_fake(recipe, *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done
