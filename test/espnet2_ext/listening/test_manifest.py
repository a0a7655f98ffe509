"""The manifest of recordings, and one made from conversions."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.listening.manifest import (
    COLUMNS,
    EMOTION,
    SIMILARITY,
    Stimulus,
    check_expected,
    conversion_manifest,
    read_manifest,
    write_manifest,
)

HEADER = "\t".join(COLUMNS)
LINE = "similarity\tours\tsad\ti1\ta.wav\tr.wav\t\t"


def test_what_is_written_is_read_with_paths_from_its_folder(tmp_path: Path) -> None:
    stimuli = [
        Stimulus(SIMILARITY, "ours", "sad", "i1", "a.wav", "wav/r.wav"),
        Stimulus(EMOTION, "ours", "sad", "i1", "/abs/a.wav", role="check", expected="sad,angry"),
        Stimulus(EMOTION, "ours", "sad", "i1", "/abs/a.wav"),
    ]
    write_manifest(tmp_path / "m.tsv", stimuli)
    first, second, third = read_manifest(tmp_path / "m.tsv")
    assert first == Stimulus(
        SIMILARITY, "ours", "sad", "i1", str(tmp_path / "a.wav"), str(tmp_path / "wav/r.wav")
    )
    assert [second, third] == stimuli[1:]


def test_role_and_reference_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("item\tsystem\tkind\ttarget_emotion\taudio\ni1\tours\temotion\tsad\t/a.wav\n")
    assert read_manifest(path) == [Stimulus(EMOTION, "ours", "sad", "i1", "/a.wav")]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([LINE.replace("ours", " ")], ":2: system is empty"),
        ([LINE.replace("similarity", "beauty")], ":2: beauty .* i1: kind is none of similarity"),
        ([LINE[:-1] + "tets\t"], ":2: .* role is none of test, practice, check"),
        ([LINE.replace("r.wav", "")], ":2: .* a reference goes with similarity"),
        ([LINE + "1"], ":2: .* expected answers go with role check"),
        ([LINE, LINE], ":3: similarity test ours sad i1: stands twice"),
        ([LINE[:-1] + "practice\t"], "holds no recordings to test"),
        ([LINE, LINE.replace("ours", "theirs"), LINE.replace("i1", "i2")],
         "similarity, sad: i2 lacks theirs"),
    ],
)  # fmt: skip
def test_refuses(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("\n".join([HEADER, *lines]))
    with pytest.raises(ValueError, match=message):
        read_manifest(path)


def test_refuses_an_emotion_that_is_no_choice_and_a_check_nobody_passes() -> None:
    stimulus = Stimulus(EMOTION, "ours", "happy", "i1", "a.wav")
    with pytest.raises(ValueError, match="m.tsv: i1: happy is not among the choices angry, sad"):
        check_expected("m.tsv", [stimulus], ["angry", "sad"])
    check = Stimulus(SIMILARITY, "ours", "happy", "i1", "a", "r", "check", "2,3")
    with pytest.raises(ValueError, match="m.tsv: i1: expected answer '3' is none of -2"):
        check_expected("m.tsv", [check, stimulus], ["happy"])


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Return data, pairs and two systems: 2 voices x 3 sentences, neutral to angry and sad."""
    utterances = [f"{v}-{s}-{e}" for v, s, e in product("ab", "123", ("neutral", "angry", "sad"))]
    write_table(tmp_path / "dump/wav.scp", {u: tmp_path / f"wav/{u}.flac" for u in utterances})
    write_table(tmp_path / "dump/utt2spk", {u: u[0] for u in utterances})
    pairs = {f"{v}{s}_{e}": (v, s, e) for v, s, e in product("ab", "123", ("angry", "sad"))}
    other = {"1": "2", "2": "3", "3": "1"}
    for name, table in {
        "pairs": {p: f"{v}-{s}-neutral {v}-{other[s]}-{e} x" for p, (v, s, e) in pairs.items()},
        "targets": {p: f"{v}-{s}-{e}" for p, (v, s, e) in pairs.items()},
        "conditions": {p: f"neutral-{e}" for p, (_, _, e) in pairs.items()},
    }.items():
        write_table(tmp_path / "pairs" / name, table)
    for system in ("ours", "theirs"):
        scp = {p: tmp_path / f"exp/{system}/{p}.wav" for p in pairs}
        write_table(tmp_path / "exp" / system / "wav.scp", scp)
    return {name: tmp_path / name for name in ("dump", "pairs", "exp/ours", "exp/theirs")}


@pytest.fixture
def make(folders: dict[str, Path], tmp_path: Path) -> Callable[..., list]:
    def call(**changes: object) -> list:
        options = {
            "inference_dirs": {"ours": folders["exp/ours"], "theirs": folders["exp/theirs"]},
            "data_dir": folders["dump"],
            "pairs_dir": folders["pairs"],
            "out_path": tmp_path / "list" / "manifest.tsv",
            "num_items": 2,
        }
        conversion_manifest(**{**options, **changes})
        return read_manifest(tmp_path / "list" / "manifest.tsv")

    return call


def resolved(path: str) -> Path:
    return Path(path).resolve()


def test_every_system_of_every_item_in_both_kinds(
    make: Callable[..., list], tmp_path: Path
) -> None:
    stimuli = make()
    tested = [s for s in stimuli if s.role == "test"]
    systems = {"source (unconverted)", "ours", "theirs", "ground-truth target"}
    items = {s.item for s in tested if s.kind == SIMILARITY}
    # Two for each condition, one of each voice.
    assert sorted((item[0], item[3:]) for item in items) == sorted(product("ab", ("angry", "sad")))
    for stimulus in tested:
        if stimulus.target_emotion == "neutral":
            continue
        voice, sentence, emotion = stimulus.item[0], stimulus.item[1], stimulus.item[3:]
        assert stimulus.target_emotion == emotion
        true = tmp_path / f"wav/{voice}-{sentence}-{emotion}.flac"
        assert resolved(stimulus.audio) == {
            "source (unconverted)": tmp_path / f"wav/{voice}-{sentence}-neutral.flac",
            "ground-truth target": true,
        }.get(stimulus.system, tmp_path / f"exp/{stimulus.system}/{stimulus.item}.wav")
        if stimulus.kind == SIMILARITY:
            assert resolved(stimulus.reference) == true
    for kind in (SIMILARITY, EMOTION):
        counts = Counter(
            s.system for s in tested if s.kind == kind and s.target_emotion != "neutral"
        )
        assert counts == dict.fromkeys(systems, 4)
    neutral = [s for s in tested if s.target_emotion == "neutral"]
    assert {(s.kind, s.system) for s in neutral} == {(EMOTION, "ground-truth target")}
    assert {resolved(s.audio).name for s in neutral} == {f"{s.item}.flac" for s in neutral}
    assert 1 <= len(neutral) <= 2


def test_practice_and_checks_are_of_other_pairs(make: Callable[..., list]) -> None:
    stimuli = make(num_practice=2, num_checks=3)
    tested = {s.item for s in stimuli if s.role == "test"}
    practice = [s for s in stimuli if s.role == "practice"]
    checks = [s for s in stimuli if s.role == "check"]
    assert [s.kind for s in practice] == [SIMILARITY, EMOTION] * 2
    assert {s.system for s in practice} == {"ours"}
    assert len(checks) == 3
    assert all(s.audio == s.reference and s.expected == "1,2" for s in checks)
    extra = {s.item for s in practice}, {s.item for s in checks}
    assert not extra[0] & extra[1] and not (extra[0] | extra[1]) & tested


def test_may_compare_to_the_recording_that_gave_the_prosody(make: Callable[..., list]) -> None:
    for stimulus in make(reference="prosody"):
        if stimulus.kind == SIMILARITY:
            following = {"1": "2", "2": "3", "3": "1"}[stimulus.item[1]]
            name = f"{stimulus.item[0]}-{following}-{stimulus.target_emotion}.flac"
            assert resolved(stimulus.reference).name == name


def test_seed_decides(make: Callable[..., list]) -> None:
    assert make(seed=1) == make(seed=1)
    assert len({str(make(seed=seed)) for seed in range(3)}) > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inference_dirs": {}}, r"systems are \[\]; give at least one"),
        ({"inference_dirs": {"ground-truth target": "x"}}, "none of them called source .unconv"),
        ({"num_items": 7}, "neutral-angry: 6 pairs, 7 items asked for"),
        ({"num_items": 6}, "0 pairs are left for 1 practice items and 0 checks"),
    ],
)
def test_refuses_what_gives_no_manifest(
    make: Callable[..., list], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("pairs/targets", "a1_sad"),
        ("dump/utt2spk", "a-1-neutral"),
        ("exp/theirs/wav.scp", "b1_sad"),
        ("dump/wav.scp", "a-1-neutral"),
    ],
)
def test_refuses_tables_with_gaps(
    make: Callable[..., list], tmp_path: Path, table: str, key: str
) -> None:
    content = read_table(tmp_path / table)
    write_table(tmp_path / table, {k: v for k, v in content.items() if k != key})
    with pytest.raises(ValueError, match=f"{table}: lacks 1 keys, for example {key}"):
        make()


def test_a_system_whose_compensation_was_restored_says_so(
    make: Callable[..., list], folders: dict[str, Path]
) -> None:
    for name, compensation in (("ours", "dump/raw/valid"), ("theirs", None)):
        settings = folders[f"exp/{name}"] / "settings.json"
        settings.write_text(json.dumps({"vocoder": "griffin_lim", "contrast": compensation}))
    systems = {stimulus.system for stimulus in make()}
    assert systems == {
        "source (unconverted)",
        "ours, variance compensation",
        "theirs",
        "ground-truth target",
    }
