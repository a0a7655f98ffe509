"""The robustness study: its conditions, pairs, damaged data, runs, table and figure."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from reference.robustness_study import LevelEncoder, StudyFiles, write_study
from reference.tiny_trained import write_trained_model

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.metrics.conversion import PairScore, write_scores
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report import robustness
from espnet2_ext.report.records import Record
from espnet2_ext.report.render import render_results
from espnet2_ext.report.robustness import (
    METRICS,
    Condition,
    ConditionResult,
    ConversionSettings,
    SourceDamage,
    StudySet,
    choose_pairs,
    input_error_rates,
    read_study_set,
    report_robustness,
    robustness_figure,
    robustness_records,
    run_condition,
    study_conditions,
)
from espnet2_ext.units.centroids import UnitEncoderPipeline


def test_every_condition_once_and_the_clean_source_first() -> None:
    conditions = study_conditions([0.0, 0.05, 0.4, 0.05], iter([20, 0]), [0.3])
    assert [(condition.row, condition.folder) for condition in conditions] == [
        ("clean source", "clean"),
        ("5 % of units replaced", "replaced_0.05"),
        ("40 % of units replaced", "replaced_0.4"),
        ("5 % of units dropped", "dropped_0.05"),
        ("40 % of units dropped", "dropped_0.4"),
        ("white noise, SNR 20 dB", "white_20"),
        ("white noise, SNR 0 dB", "white_0"),
        ("babble, SNR 20 dB", "babble_20"),
        ("babble, SNR 0 dB", "babble_0"),
        ("reverberation, RT60 0.3 s", "reverberation_0.3"),
    ]
    few = study_conditions([], [-5.0], [], ["babble"])
    assert [condition.folder for condition in few] == ["clean", "babble_-5"]
    with pytest.raises(ValueError, match="noise 'pink': expected one of white, babble"):
        study_conditions([], [10.0], [], ["pink"])


@pytest.mark.parametrize(
    ("kind", "amount", "message"),
    [
        ("shuffled", 0.1, "condition 'shuffled': expected one of clean, replaced"),
        ("replaced", 1.0, r"replaced units must lie in \[0, 1\): 1"),
        ("dropped", -0.1, r"dropped units must lie in \[0, 1\): -0\.1"),
        ("white", float("inf"), "the SNR of white noise must be finite: inf"),
        ("babble", float("nan"), "the SNR of babble noise must be finite: nan"),
        ("reverberation", 0.0, "RT60 must lie above 0 s and be finite: 0"),
        ("reverberation", float("inf"), "RT60 must lie above 0 s and be finite: inf"),
    ],
)
def test_impossible_amounts_are_refused(kind: str, amount: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condition(kind, amount)


@pytest.fixture
def files(tmp_path: Path) -> StudyFiles:
    return write_study(tmp_path, LevelEncoder().encode)


@pytest.fixture
def study(files: StudyFiles) -> StudySet:
    return read_study_set(files.data_dir, "tiny", files.pairs_dir)


def write_pairs(folder: Path, conditions: dict[str, str], sources: dict[str, str] | None = None):
    write_table(folder / "conditions", conditions)
    write_table(folder / "targets", {pair: f"t-{pair}" for pair in conditions})
    write_table(
        folder / "pairs", {p: f"{(sources or {}).get(p, f's-{p}')} p-{p}" for p in conditions}
    )


def test_all_pairs_with_all_tables(files: StudyFiles, tmp_path: Path) -> None:
    assert choose_pairs(files.pairs_dir, tmp_path / "chosen") == (3, 3)
    for name in ("pairs", "targets", "conditions", "wrong_sentence"):
        assert read_table(tmp_path / "chosen" / name) == read_table(files.pairs_dir / name)
    choose_pairs(files.pairs_dir, tmp_path / "one", 1)
    assert read_table(tmp_path / "one/wrong_sentence") == {"b-1": "b-2"}


def test_few_pairs_are_spread_over_conditions_and_voices(tmp_path: Path) -> None:
    conditions = {f"{voice}{place}-{to}": to for voice in "abc" for place in "12" for to in "xy"}
    write_pairs(tmp_path / "all", conditions)
    assert choose_pairs(tmp_path / "all", tmp_path / "few", 4) == (4, 12)
    # Each condition has a1 a2 b1 b2 c1 c2, of which the turns take places 0, 2, 3 and 5.
    assert list(read_table(tmp_path / "few/pairs")) == ["a1-x", "b1-y", "b2-x", "c2-y"]
    assert read_table(tmp_path / "few/targets")["b2-x"] == "t-b2-x"
    assert not (tmp_path / "few/wrong_sentence").exists()
    assert choose_pairs(tmp_path / "all", tmp_path / "many", 99) == (12, 12)
    # x gives a twice, y gives c and f; b is the first of the rest.
    write_pairs(tmp_path / "uneven", {"a": "x"} | dict.fromkeys("bcdef", "y"))
    choose_pairs(tmp_path / "uneven", tmp_path / "few", 4)
    assert list(read_table(tmp_path / "few/pairs")) == ["a", "b", "c", "f"]


@pytest.mark.parametrize(("voices", "sentences"), [(20, 30), (4, 8), (3, 8), (2, 6)])
def test_as_many_sources_as_there_are(voices: int, sentences: int, tmp_path: Path) -> None:
    """In the lists of the recipes, every source to three emotions; 24 pairs as evc.sh asks."""
    sources = {
        f"{voice:02}-{sentence:02}-{emotion}": f"{voice:02}-{sentence:02}"
        for voice in range(voices)
        for sentence in range(sentences)
        for emotion in ("angry", "happy", "sad")
    }
    write_pairs(tmp_path / "all", {pair: pair[6:] for pair in sources}, sources)
    choose_pairs(tmp_path / "all", tmp_path / "few", 24)
    chosen = [value.split()[0] for value in read_table(tmp_path / "few/pairs").values()]
    assert len(chosen) == 24
    assert len(set(chosen)) == min(24, voices * sentences)
    assert len({source[:2] for source in chosen}) == voices


def test_no_source_is_shared_where_conditions_lack_some(tmp_path: Path) -> None:
    """As in EmoV-DB: not every source has every emotion, so equal places are other sources."""
    lacking = {"amused": 3, "angry": 4, "sleepy": 7}
    sources = {f"{n:02}-{e}": f"{n:02}" for n in range(30) for e, k in lacking.items() if n % k}
    write_pairs(tmp_path / "all", {pair: pair[3:] for pair in sources}, sources)
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
    damage(study).write(Condition("clean"), tmp_path / "clean")
    assert list(read_table(tmp_path / "clean/wav.scp")) == ["a-4", "b-4", "c-1"]
    write_table(files.pairs_dir / "prosody_mix", {**mixes, "p2": "nobody 1.0"})
    with pytest.raises(ValueError, match=r"wav.scp: lacks 1 keys .* for example nobody"):
        read_study_set(files.data_dir, "tiny", files.pairs_dir)
    (files.pairs_dir / "prosody_mix").unlink()
    choose_pairs(files.pairs_dir, tmp_path / "chosen", 2)
    assert not (tmp_path / "chosen/prosody_mix").exists()


def test_refuses_lists_without_pairs(files: StudyFiles, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_pairs 0: at least one pair"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen", 0)
    write_table(files.pairs_dir / "targets", {"p1": "a-3", "p2": "b-3"})
    with pytest.raises(ValueError, match=r"targets: lacks 1 keys .* for example p3; take those"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen")
    write_table(files.pairs_dir / "pairs", {})
    with pytest.raises(ValueError, match="pairs: holds no pairs"):
        choose_pairs(files.pairs_dir, tmp_path / "chosen")


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


def test_refuses_run_lengths_of_other_units(files: StudyFiles, study: StudySet) -> None:
    assert list(study.units) == ["a-1", "a-2", "b-1"]
    assert study.run_lengths["a-1"].sum() == 20  # 0.4 s
    path = files.data_dir / "unit_durations_tiny"
    write_table(path, read_table(path) | {"a-2": "20 5"})
    with pytest.raises(ValueError, match=r"unit_durations_tiny: a-2: 2 durations for \d+ units"):
        read_study_set(files.data_dir, "tiny", files.pairs_dir)


@pytest.fixture(autouse=True)
def level_encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an encoder and a codebook of 6 in place of a model's, but for the whole study."""
    if "finished" not in request.fixturenames:
        monkeypatch.setattr(robustness, "load_unit_encoder", lambda path, device: LevelEncoder())
        codebook = SimpleNamespace(load=lambda path: SimpleNamespace(num_clusters=6))
        monkeypatch.setattr(robustness, "Centroids", codebook)


def damage(study: StudySet, seed: int = 0) -> SourceDamage:
    return SourceDamage(study, "any", seed)


def test_the_clean_source_is_unchanged(study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition("clean"), tmp_path)
    for name in ("units_tiny", "unit_durations_tiny"):
        written = read_int_table(tmp_path / name)
        assert written == {s: read_int_table(study.path / name)[s] for s in study.units}
    assert input_error_rates(study, tmp_path) == {"p1": 0.0, "p2": 0.0, "p3": 0.0}
    assert not (tmp_path / "damaged_wav.scp").exists()


@pytest.mark.parametrize("kind", ["replaced", "dropped"])
def test_the_input_is_as_wrong_as_the_share(kind: str, study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition(kind, 0.4), tmp_path / kind)
    durations = read_int_table(tmp_path / kind / "unit_durations_tiny")
    rates = input_error_rates(study, tmp_path / kind)
    for pair in study.pairs:
        number = len(study.units[pair.source])
        assert sum(durations[pair.source]) == study.run_lengths[pair.source].sum()
        # Merged neighbours go beyond the share, and an edit may do for two replaced units.
        assert 0.2 < rates[pair.pair_id] <= (int(0.4 * number + 0.5) + 3) / number


@pytest.mark.parametrize("kind", ["white", "babble"])
def test_units_are_those_of_the_damaged_audio(kind: str, study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition(kind, 10.0), tmp_path)
    wavs = read_table(tmp_path / "damaged_wav.scp")
    assert sorted(wavs) == list(study.units)
    for source, wav in wavs.items():
        for name, row in zip(("units", "unit_durations"), LevelEncoder().encode(read_audio(wav))):
            assert read_int_table(tmp_path / f"{name}_tiny")[source] == row.tolist()
        clean = read_audio(study.wavs[source]).astype(np.float64)
        noise = read_audio(wav) - clean  # Both are below full scale, so nothing was scaled.
        # The sources have no pauses: the ratio over everything is that over speech.
        ratio = np.square(clean).sum() / np.square(noise).sum()
        assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=0.3)
    # Prosody and voice are clean.
    prosody = read_table(tmp_path / "wav.scp")
    assert prosody == {name: study.wavs[name] for name in ("a-4", "b-4")}
    vectors, clean_vectors = (
        load_ark_scp(folder / "spk_embed.scp") for folder in (tmp_path, study.path)
    )
    assert sorted(vectors) == ["a-3", "b-3"]
    np.testing.assert_array_equal(vectors["b-3"], clean_vectors["b-3"])


def test_amounts_differ_in_nothing_else_and_seeds_in_everything(
    study: StudySet, tmp_path: Path
) -> None:
    def noise(snr_db: float, seed: int = 0, source: str = "a-1") -> np.ndarray:
        folder = tmp_path / f"{snr_db}_{seed}"
        damage(study, seed).write(Condition("white", snr_db), folder)
        damaged = read_audio(folder / f"wav/{source}.flac")
        return (damaged - read_audio(study.wavs[source])).astype(np.float64)

    np.testing.assert_allclose(noise(10.0), noise(20.0) * 10**0.5, atol=5e-4)
    assert abs(np.corrcoef(noise(20.0), noise(20.0, seed=1))[0, 1]) < 0.1
    other = noise(20.0, source="a-2")[: len(noise(20.0))]
    assert abs(np.corrcoef(noise(20.0), other)[0, 1]) < 0.1


def test_babble_is_spoken_by_six_others(
    study: StudySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: speaker for name, speaker in study.utt2spk.items() if name[0] in "ab"}
    with pytest.raises(ValueError, match=r"a-1: babble, SNR 0 dB: .* than a, there are 4; leave"):
        damage(replace(study, utt2spk=few)).write(Condition("babble", 0.0), tmp_path)
    heard: list[str] = []

    def read(path: str | Path) -> np.ndarray:
        heard.append(Path(path).stem)
        return read_audio(path)

    only = replace(study, units={"a-1": study.units["a-1"]})
    prepared = damage(only)
    prepared.write(Condition("white", 10.0), tmp_path)  # loads and checks the encoder
    monkeypatch.setattr(robustness, "read_audio", read)
    prepared.write(Condition("babble", 10.0), tmp_path)
    assert heard[0] == heard[-1] == "a-1"
    assert len(set(heard[1:-1])) == 6 and not any(name[0] == "a" for name in heard[1:-1])


def test_reverberation_changes_units(study: StudySet, tmp_path: Path) -> None:
    damage(study).write(Condition("reverberation", 0.6), tmp_path)
    durations = read_int_table(tmp_path / "unit_durations_tiny")
    assert all(sum(durations[s]) == study.run_lengths[s].sum() for s in study.units)
    assert min(input_error_rates(study, tmp_path).values()) > 0.0


def test_silent_sources_and_other_centroids_are_refused(study: StudySet, tmp_path: Path) -> None:
    wrong = replace(study, units={s: (u + 1) % 6 for s, u in study.units.items()})
    with pytest.raises(ValueError, match=r"units_tiny: \d+ % of the units of clean sources"):
        damage(wrong).write(Condition("white", 0.0), tmp_path / "white")
    # Damaged units need no encoder.
    damage(wrong).write(Condition("replaced", 0.1), tmp_path / "replaced")
    soundfile.write(study.wavs["a-2"], np.zeros(8000), 16000)
    units = {**study.units, "a-2": np.array([0])}  # What the encoder makes of silence.
    with pytest.raises(ValueError, match=r"dump: a-2: white noise, SNR 0 dB: no speech"):
        damage(replace(study, units=units)).write(Condition("white", 0.0), tmp_path / "white")


DAMAGED = Condition("dropped", 0.3)


@pytest.fixture
def settings(tmp_path: Path) -> ConversionSettings:
    (tmp_path / "model.pth").write_bytes(b"weights")
    (tmp_path / "centroids.npz").write_bytes(b"centres")
    return ConversionSettings(tmp_path / "model.pth", tmp_path / "centroids.npz")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Put stand-ins for conversion and scoring, which keep their options."""
    calls: list[dict] = []

    def convert(**options) -> None:
        calls.append(options)
        options["output_dir"].mkdir(parents=True, exist_ok=True)
        (options["output_dir"] / f"made by call {len(calls)}").touch()

    def score(inference_dir: Path, data_dir: Path, *others, **options) -> None:
        calls[-1] |= {"scored": (inference_dir, data_dir), **options}
        scores = [
            PairScore(options["row_name"], pair, "neutral-angry", "s", "t", unit_error_rate=0.5)
            for pair in ("p1", "p2", "p3")
        ]
        write_scores(inference_dir / "scores.tsv", scores)

    monkeypatch.setattr(robustness, "convert_pairs", convert)
    monkeypatch.setattr(robustness, "score_conversions", score)
    return calls


def run(study: StudySet, settings: ConversionSettings, condition: Condition = DAMAGED):
    root = study.path.parent
    return run_condition(condition, damage(study), root / "pairs", root / "out", settings)


def test_damaged_is_converted_and_clean_is_what_it_is_scored_against(
    study: StudySet, settings: ConversionSettings, calls: list[dict]
) -> None:
    result = run(study, settings)
    folder = study.path.parent / "out/dropped_0.3"
    [call] = calls
    assert (call["data_dir"], call["output_dir"]) == (folder / "data", folder / "conversion")
    assert (folder / "data/units_tiny").is_file()
    assert call["scored"] == (folder / "conversion", study.path)
    assert (call["row_name"], call["with_reference_rows"]) == (DAMAGED.row, False)
    assert [score.condition for score in result.scores] == ["", "", ""]
    assert min(result.input_error_rates.values()) > 0.0
    assert run(study, replace(settings, num_workers=4, device="cuda")) == result
    assert len(calls) == 1
    run(study, settings, Condition("clean"))
    assert calls[1]["with_reference_rows"]
    # A begun condition goes on.
    (folder / "conversion/scores.tsv").unlink()
    run(study, settings)
    assert len(calls) == 3 and (folder / "conversion/made by call 1").exists()


def test_other_settings_weights_centroids_targets_or_units_start_anew(
    study: StudySet, settings: ConversionSettings, calls: list[dict]
) -> None:
    run(study, settings)
    limits = GenerationLimits(max_frames_per_unit=6.0)
    for change in (
        {"seed": 1}, {"vocoder": "./hifigan"}, {"compensation_data_dir": "dump/valid"},
        {"compensation_speaker_dir": "dump/train"}, {"limits": limits}, {},
    ):  # fmt: skip
        run(study, replace(settings, **change))
        former = study.path.parent / f"out/dropped_0.3/conversion/made by call {len(calls) - 1}"
        assert not former.exists()
    for path in (settings.model_file, settings.centroids_path):
        Path(path).write_bytes(b"other")
        run(study, settings)
    targets = study.path.parent / "pairs/targets"
    write_table(targets, read_table(targets) | {"p1": "a-2"})
    run(study, settings)
    run(replace(study, units={**study.units, "a-1": study.units["a-1"][::-1]}), settings)
    assert len(calls) == 11
    with pytest.raises(FileNotFoundError, match=r"nowhere/model\.pth"):
        run(study, replace(settings, model_file="nowhere/model.pth"))


def make_result(condition: Condition, rates: dict[str, float], given: float) -> ConditionResult:
    scores = [
        PairScore(condition.row, pair, "", pair, "t", duration_error_percent=10.0,
                  unit_error_rate=rate)
        for pair, rate in rates.items()
    ]  # fmt: skip
    return ConditionResult(condition, scores, dict.fromkeys(rates, given))


def test_records_compare_pair_by_pair_with_the_clean_source() -> None:
    clean = make_result(Condition("clean"), {"p1": 0.2, "p2": 0.4}, 0.0)
    unconverted = replace(clean.scores[0], row="source (unconverted)", unit_error_rate=0.0)
    clean = replace(clean, scores=[unconverted, *clean.scores])
    damaged = make_result(Condition("replaced", 0.2), {"p2": 0.6, "p1": 0.5}, 0.25)
    options = {"table": "t", "protocol": "p"}
    records = robustness_records([clean, damaged], **options)
    found = {(record.row, record.metric): record for record in records}
    row = "20 % of units replaced"
    values = {key: record.value for key, record in found.items()}
    assert values["source (unconverted)", "unit error rate"] == 0.0
    assert values["clean source", "unit error rate"] == pytest.approx(0.3)
    assert values[row, "unit error rate"] == pytest.approx(0.55)
    assert values[row, "duration error"] == 10.0
    assert ("source (unconverted)", "input unit error rate") not in found
    assert values[row, "input unit error rate"] == 0.25
    assert values["clean source", "input unit error rate"] == 0.0
    above = found[row, "unit error rate above clean"]
    # 0.5 - 0.2 and 0.6 - 0.4
    assert (above.low, above.value, above.high) == pytest.approx((0.2, 0.25, 0.3))
    above = found["clean source", "unit error rate above clean"]
    assert (above.value, above.low, above.high) == (0.0, 0.0, 0.0)
    lacking = replace(damaged, scores=damaged.scores[:1])
    with pytest.raises(ValueError, match="t, 20 % of units replaced: other pairs than the clean"):
        robustness_records([clean, lacking], **options)


def make_records(conditions: list[Condition]) -> list[Record]:
    """Return records whose value is the amount; of the input, half of it."""
    factors = dict.fromkeys(METRICS, 1.0) | {"input unit error rate": 0.5}
    return [
        Record("t", c.row, m, k * c.amount, "%", 2, "", "", "", c.amount - 1, c.amount + 1)
        for c in conditions
        for m, k in factors.items()
    ]  # fmt: skip


def test_the_figure_has_a_column_for_each_kind_of_damage_and_worse_to_the_right() -> None:
    conditions = study_conditions([0.4, 0.1], [0.0, 20.0], [0.3], ["white"])
    figure = robustness_figure(conditions, make_records(conditions), "title")
    grid = [figure.axes[row * 3 : row * 3 + 3] for row in range(len(METRICS))]
    assert len(figure.axes) == 12
    assert [axes.get_xlabel() for axes in grid[-1]] == ["share of units", "SNR (dB)", "RT60 (s)"]
    assert [row[0].get_ylabel().removesuffix(" (%)") for row in grid] == list(METRICS)
    replaced, replaced_input, dropped, dropped_input, clean = grid[0][0].lines
    assert replaced.get_label() == "replaced"
    assert list(replaced.get_xdata()) == list(replaced.get_ydata()) == [0.1, 0.4]
    assert list(dropped_input.get_ydata()) == [0.05, 0.2]
    assert (replaced_input.get_linestyle(), dropped.get_linestyle()) == (":", "-")
    assert list(clean.get_ydata()) == [0.0, 0.0]
    assert [len(axes.lines) for axes in grid[1]] == [3, 2, 2]  # The input is not here.
    left, right = grid[0][1].get_xlim()
    assert left > right  # SNR falls.
    only_rooms = study_conditions([], [], [0.3])
    figure = robustness_figure(only_rooms, make_records(only_rooms), "title")
    assert len(figure.axes) == len(METRICS)
    clean_only = study_conditions([0.0], [], [])
    with pytest.raises(ValueError, match="title: nothing to draw but the clean source"):
        robustness_figure(clean_only, make_records(clean_only), "title")


class Study:
    """A whole study on random weights."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = ConversionSettings(
            write_trained_model(root), root / "exp/kmeans/centroids.npz"
        )
        encoder = UnitEncoderPipeline.from_file(self.settings.centroids_path)
        self.files: StudyFiles = write_study(root / "data", encoder.encode)
        self.first: dict[tuple[str, str], Record] = {}

    def run(self, **changes) -> dict[tuple[str, str], Record]:
        options = {
            "data_dir": self.files.data_dir,
            "pairs_dir": self.files.pairs_dir,
            "unit_tag": "tiny",
            "results_path": self.root / "exp/results.jsonl",
            "table": "Robustness (synthetic)",
            "out_dir": self.root / "exp/robustness",
            "max_pairs": 2,
            "shares": [0.0, 0.5],
            "snrs_db": [0.0],
            "rt60s_s": [0.3],
            "noises": ["white"],
        }
        records = report_robustness(self.settings, **{**options, **changes})
        return {(record.row, record.metric): record for record in records}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """Return a study that has run once; the configuration holds in its own directory."""
    root = tmp_path_factory.mktemp("recipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        study = Study(root)
        study.first = study.run()
        yield study


def test_every_condition_is_in_table_page_and_figure(finished: Study) -> None:
    found = finished.first
    rows = list(dict.fromkeys(row for row, metric in found if metric == "unit error rate"))
    assert rows == [
        "source (unconverted)", "clean source", "copy synthesis", "ground-truth target",
        "mismatched text", "50 % of units replaced", "50 % of units dropped",
        "white noise, SNR 0 dB", "reverberation, RT60 0.3 s",
    ]  # fmt: skip
    assert {record.n for record in found.values()} == {2}
    given = {row: record.value for (row, metric), record in found.items() if "input" in metric}
    assert given.pop("clean source") == 0.0
    assert len(given) == 4 and min(given.values()) > 0.1
    assert found["source (unconverted)", "unit error rate"].value == 0.0
    protocol = found["clean source", "MCD"].protocol
    assert protocol.startswith(f"2 of 3 pairs of {finished.files.pairs_dir} (2 sources), model ")
    assert "variance compensation: false" in protocol and "seed 0" in protocol
    exp = finished.root / "exp"
    render_results(exp / "results.jsonl", exp / "RESULTS.md")
    page = (exp / "RESULTS.md").read_text()
    assert "## Robustness (synthetic)" in page and "](robustness/robustness.png)" in page
    assert (exp / "robustness/robustness.png").read_bytes()[:4] == b"\x89PNG"
    for pair in ("p1", "p3"):  # The two that were chosen.
        damaged, whole = (
            json.loads((exp / f"robustness/{name}/conversion/record/{pair}.json").read_text())
            for name in ("dropped_0.5", "clean")
        )
        assert damaged["unit_steps"] <= whole["unit_steps"] - int(0.5 * whole["unit_steps"])


def test_a_rerun_converts_nothing_and_gives_the_same(
    finished: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(robustness, "convert_pairs", refuse)
    assert finished.run() == finished.first
    with pytest.raises(AssertionError, match="converted again"):
        finished.run(shares=[0.25])
    with pytest.raises(ValueError, match=r"a share of replaced units must lie in \[0, 1\)"):
        finished.run(shares=[1.0], out_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()
