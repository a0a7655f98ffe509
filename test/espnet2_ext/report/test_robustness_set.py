"""Which pairs are studied, and what must be there for them."""

from pathlib import Path

import pytest
from reference.robustness_study import LevelEncoder, StudyFiles, write_study

from espnet2_ext.data.tables import read_table, write_table
from espnet2_ext.report.robustness import choose_pairs, read_study_set


@pytest.fixture
def files(tmp_path: Path) -> StudyFiles:
    return write_study(tmp_path, LevelEncoder().encode)


def write_pairs(folder: Path, conditions: dict[str, str]) -> None:
    write_table(folder / "conditions", conditions)
    write_table(folder / "targets", {pair: f"t-{pair}" for pair in conditions})
    write_table(folder / "pairs", {pair: f"s-{pair} p-{pair}" for pair in conditions})


def test_all_pairs_with_all_tables(files: StudyFiles, tmp_path: Path) -> None:
    assert choose_pairs(files.pairs_dir, tmp_path / "chosen") == (3, 3)
    for name in ("pairs", "targets", "conditions", "wrong_sentence"):
        assert read_table(tmp_path / "chosen" / name) == read_table(files.pairs_dir / name)


def test_few_pairs_are_spread_over_conditions_and_voices(tmp_path: Path) -> None:
    conditions = {f"{voice}{place}-{to}": to for voice in "abc" for place in "12" for to in "xy"}
    write_pairs(tmp_path / "all", conditions)
    assert choose_pairs(tmp_path / "all", tmp_path / "few", 4) == (4, 12)
    # Each condition has a1 a2 b1 b2 c1 c2, of which the turns take places 0, 2, 3 and 5.
    assert list(read_table(tmp_path / "few/pairs")) == ["a1-x", "b1-y", "b2-x", "c2-y"]
    assert read_table(tmp_path / "few/targets")["b2-x"] == "t-b2-x"
    assert not (tmp_path / "few/wrong_sentence").exists()
    assert choose_pairs(tmp_path / "all", tmp_path / "many", 99) == (12, 12)


@pytest.mark.parametrize(("voices", "sentences"), [(20, 30), (4, 8), (3, 8), (2, 6)])
def test_as_many_sources_as_there_are(voices: int, sentences: int, tmp_path: Path) -> None:
    """In the lists of the recipes, every source to three emotions; 24 pairs as evc.sh asks."""
    conditions, pairs = {}, {}
    for voice in range(voices):
        for sentence in range(sentences):
            for emotion in ("angry", "happy", "sad"):
                pair = f"{voice:02}-{sentence:02}-{emotion}"
                conditions[pair] = f"neutral-{emotion}"
                pairs[pair] = f"{voice:02}-{sentence:02} other"
    write_pairs(tmp_path / "all", conditions)
    write_table(tmp_path / "all/pairs", pairs)
    choose_pairs(tmp_path / "all", tmp_path / "few", 24)
    chosen = read_table(tmp_path / "few/pairs")
    assert len(chosen) == 24
    sources = {value.split()[0] for value in chosen.values()}
    assert len(sources) == min(24, voices * sentences)
    assert len({source[:2] for source in sources}) == voices


def test_no_source_is_shared_where_conditions_lack_some(tmp_path: Path) -> None:
    """As in EmoV-DB: not every source has every emotion, so equal places are other sources."""
    lacking = {"amused": 3, "angry": 4, "sleepy": 7}
    conditions, pairs = {}, {}
    for number in range(30):
        for emotion, every in lacking.items():
            if number % every:
                conditions[f"{number:02}-{emotion}"] = emotion
                pairs[f"{number:02}-{emotion}"] = f"{number:02} other"
    write_pairs(tmp_path / "all", conditions)
    write_table(tmp_path / "all/pairs", pairs)
    for count in range(1, 30):  # 0 is in no condition
        choose_pairs(tmp_path / "all", tmp_path / "few", count)
        chosen = read_table(tmp_path / "few/pairs")
        assert len({value.split()[0] for value in chosen.values()}) == len(chosen) == count


def test_mixed_prosody_is_taken_along(files: StudyFiles, tmp_path: Path) -> None:
    mixes = {"p1": "a-4 0.5 c-1 0.5", "p2": "b-4 1.0", "p3": "b-4 0.5 a-4 0.5"}
    write_table(files.pairs_dir / "prosody_mix", mixes)
    choose_pairs(files.pairs_dir, tmp_path / "chosen", 2)
    assert read_table(tmp_path / "chosen/prosody_mix").items() < mixes.items()
    study = read_study_set(files.data_dir, "tiny", files.pairs_dir)
    assert study.pairs[0].prosody_utterances == ("a-4", "c-1")
    write_table(files.pairs_dir / "prosody_mix", {**mixes, "p2": "nobody 1.0"})
    with pytest.raises(ValueError, match=r"wav.scp: lacks 1 keys .* for example nobody"):
        read_study_set(files.data_dir, "tiny", files.pairs_dir)
    (files.pairs_dir / "prosody_mix").unlink()
    choose_pairs(files.pairs_dir, tmp_path / "chosen", 2)
    assert not (tmp_path / "chosen/prosody_mix").exists()


def test_a_condition_with_few_pairs_does_not_make_the_list_shorter(tmp_path: Path) -> None:
    conditions = {"a": "x", "b": "y", "c": "y", "d": "y", "e": "y", "f": "y"}
    write_pairs(tmp_path / "all", conditions)
    assert choose_pairs(tmp_path / "all", tmp_path / "few", 4) == (4, 6)
    # x gives a twice, y gives c and f; b is the first of the rest.
    assert list(read_table(tmp_path / "few/pairs")) == ["a", "b", "c", "f"]


def test_only_wrong_sentences_of_chosen_sources_are_kept(files: StudyFiles, tmp_path: Path) -> None:
    choose_pairs(files.pairs_dir, tmp_path / "one", 1)
    assert read_table(tmp_path / "one/wrong_sentence") == {"b-1": "b-2"}


def test_refuses_lists_without_pairs(files: StudyFiles, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_pairs 0: at least one pair"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen", 0)
    write_table(files.pairs_dir / "targets", {"p1": "a-3", "p2": "b-3"})
    with pytest.raises(ValueError, match=r"targets: lacks 1 keys .* for example p3; take those"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen")
    write_table(files.pairs_dir / "pairs", {})
    with pytest.raises(ValueError, match="pairs: holds no pairs"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen")


def test_the_set_is_read(files: StudyFiles) -> None:
    study = read_study_set(files.data_dir, "tiny", files.pairs_dir)
    assert list(study.units) == ["a-1", "a-2", "b-1"] == sorted(study.units)
    assert [pair.pair_id for pair in study.pairs] == ["p1", "p2", "p3"]
    assert study.run_lengths["a-1"].sum() == 20  # 0.4 s
    assert study.utt2spk["c-4"] == "c"


@pytest.mark.parametrize(
    ("table", "lacking"),
    [
        ("units_tiny", "a-2"),
        ("unit_durations_tiny", "b-1"),
        ("wav.scp", "b-4"),
        ("wav.scp", "a-1"),
        ("spk_embed.scp", "a-3"),
        ("utt2spk", "a-1"),
    ],
)
def test_refuses_tables_that_lack_an_utterance(files: StudyFiles, table: str, lacking: str) -> None:
    content = read_table(files.data_dir / table)
    del content[lacking]
    write_table(files.data_dir / table, content)
    with pytest.raises(ValueError, match=f"{table}: lacks 1 keys .* for example {lacking}; "):
        read_study_set(files.data_dir, "tiny", files.pairs_dir)


def test_refuses_run_lengths_of_other_units(files: StudyFiles) -> None:
    path = files.data_dir / "unit_durations_tiny"
    write_table(path, read_table(path) | {"a-2": "20 5"})
    with pytest.raises(ValueError, match=r"unit_durations_tiny: a-2: 2 run lengths for \d+ units"):
        read_study_set(files.data_dir, "tiny", files.pairs_dir)
