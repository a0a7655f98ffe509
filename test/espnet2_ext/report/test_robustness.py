"""The robustness study: its conditions, pairs, damaged data, runs, table and figure."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from reference.robustness_study import LevelEncoder, write_study
from reference.tiny_trained import write_trained_model

from espnet2_ext._compat import load_ark_scp
from espnet2_ext.data.audio import read_audio
from espnet2_ext.data.tables import read_int_table, read_table, write_table
from espnet2_ext.metrics.conversion import PairScore, read_scores, write_scores
from espnet2_ext.prosody2vec.decoding import GenerationLimits
from espnet2_ext.report import robustness
from espnet2_ext.report.records import Record
from espnet2_ext.report.render import render_results
from espnet2_ext.report.robustness import (
    METRICS,
    Condition,
    Study,
    choose_pairs,
    report_robustness,
    robustness_figure,
    study_conditions,
)
from espnet2_ext.units.centroids import UnitEncoderPipeline

CLEAN, WHITE = Condition("clean"), Condition("white", 10.0)
DROPPED = Condition("dropped", 0.3)
CONVERSION = {
    "model_file": "model.pth",
    "train_config": None,
    "compensation_data_dir": None,
    "compensation_speaker_dir": None,
    "vocoder": "griffin_lim",
    "limits": GenerationLimits(),
    "num_workers": 1,
    "device": "cpu",
}


def test_every_condition_once_and_the_clean_source_first() -> None:
    conditions = study_conditions([0.0, 0.05, 0.4, 0.05], [20, -5], [0.3])
    assert [(condition.row, condition.folder) for condition in conditions] == [
        ("clean source", "clean"),
        ("5 % of units replaced", "replaced_0.05"),
        ("40 % of units replaced", "replaced_0.4"),
        ("5 % of units dropped", "dropped_0.05"),
        ("40 % of units dropped", "dropped_0.4"),
        ("white noise, SNR 20 dB", "white_20"),
        ("white noise, SNR -5 dB", "white_-5"),
        ("babble, SNR 20 dB", "babble_20"),
        ("babble, SNR -5 dB", "babble_-5"),
        ("reverberation, RT60 0.3 s", "reverberation_0.3"),
    ]
    assert study_conditions([], [10.0], [], ["white"]) == [CLEAN, WHITE]


@pytest.mark.parametrize(
    ("kind", "amount", "message"),
    [
        ("replaced", 1.0, r"replaced units must lie in \[0, 1\): 1"),
        ("dropped", -0.1, r"dropped units must lie in \[0, 1\): -0\.1"),
        ("babble", float("nan"), "babble, SNR nan dB: SNR and RT60 must be finite"),
        ("reverberation", 0.0, "RT60 0 s: .* RT60 above 0 s"),
        ("reverberation", float("inf"), "RT60 inf s: .* must be finite"),
    ],
)
def test_impossible_amounts_are_refused(kind: str, amount: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Condition(kind, amount)


def write_pairs(folder: Path, conditions: dict[str, str], sources: dict[str, str] | None = None):
    write_table(folder / "conditions", conditions)
    write_table(folder / "targets", {pair: f"t-{pair}" for pair in conditions})
    write_table(
        folder / "pairs", {p: f"{(sources or {}).get(p, f's-{p}')} p-{p}" for p in conditions}
    )


def test_few_pairs_are_spread_over_conditions_and_voices(tmp_path: Path) -> None:
    conditions = {f"{voice}{place}-{to}": to for voice in "abc" for place in "12" for to in "xy"}
    write_pairs(tmp_path / "all", conditions)
    assert choose_pairs(tmp_path / "all", tmp_path / "few", 4) == (4, 12)
    # Each condition has a1 a2 b1 b2 c1 c2, of which the turns take places 0, 2, 3 and 5.
    assert list(read_table(tmp_path / "few/pairs")) == ["a1-x", "b1-y", "b2-x", "c2-y"]
    assert read_table(tmp_path / "few/targets")["b2-x"] == "t-b2-x"
    assert choose_pairs(tmp_path / "all", tmp_path / "many", 99) == (12, 12)
    # x gives a twice, y gives c and f; b is the first of the rest.
    write_pairs(tmp_path / "uneven", {"a": "x"} | dict.fromkeys("bcdef", "y"))
    choose_pairs(tmp_path / "uneven", tmp_path / "few", 4)
    assert list(read_table(tmp_path / "few/pairs")) == ["a", "b", "c", "f"]


@pytest.mark.parametrize(("voices", "sentences"), [(20, 30), (2, 6)])
def test_as_many_sources_and_voices_as_there_are(voices, sentences, tmp_path: Path) -> None:
    """In the lists of the recipes; in EmoV-DB not every source has every emotion."""
    lacking = {"amused": 3, "angry": 4, "sleepy": 7}
    sources = {
        f"{voice:02}-{sentence:02}-{emotion}": f"{voice:02}-{sentence:02}"
        for voice in range(voices)
        for sentence in range(1, sentences + 1)
        for emotion, missing in lacking.items()
        if sentence % missing
    }
    write_pairs(tmp_path / "all", {pair: pair[6:] for pair in sources}, sources)
    for count in (1, 5, 12, 24):
        choose_pairs(tmp_path / "all", tmp_path / "few", count)
        chosen = [value.split()[0] for value in read_table(tmp_path / "few/pairs").values()]
        assert len(chosen) == count
        assert len(set(chosen)) == min(count, voices * sentences)
    assert len({source[:2] for source in chosen}) == voices


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with data and pairs; an encoder and a codebook of 6 stand for a model's."""
    monkeypatch.setattr(robustness, "load_unit_encoder", lambda path, device: LevelEncoder())
    codebook = SimpleNamespace(load=lambda path: SimpleNamespace(num_clusters=6))
    monkeypatch.setattr(robustness, "Centroids", codebook)
    write_study(tmp_path, LevelEncoder().encode)
    for name in ("model.pth", "centroids.npz"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def read_study(folder: Path, seed: int = 0, **changes) -> Study:
    conversion = CONVERSION | {"model_file": folder / "model.pth"} | changes
    places = folder / "dump", folder / "pairs", "tiny"
    return Study(conversion, folder / "centroids.npz", seed, *places)


def test_mixed_prosody_and_mismatched_texts_are_taken_along(folder: Path) -> None:
    pairs, chosen = folder / "pairs", folder / "chosen"
    mixes = {"p1": "a-4 0.5 c-1 0.5", "p2": "b-4 1.0", "p3": "b-4 0.5 a-4 0.5"}
    write_table(pairs / "prosody_mix", mixes)
    assert choose_pairs(pairs, chosen) == (3, 3)
    for name in ("pairs", "targets", "conditions", "wrong_sentence", "prosody_mix"):
        assert read_table(chosen / name) == read_table(pairs / name)
    choose_pairs(pairs, chosen, 1)
    assert read_table(chosen / "wrong_sentence") == {"b-1": "b-2"}
    study = read_study(folder)
    assert study.pairs[0].prosody_utterances == ("a-4", "c-1")
    study.write_damaged(CLEAN, folder / "clean")
    assert list(read_table(folder / "clean/wav.scp")) == ["a-4", "b-4", "c-1"]
    write_table(pairs / "prosody_mix", {**mixes, "p2": "nobody 1.0"})
    with pytest.raises(ValueError, match=r"wav.scp: lacks 1 keys, for example nobody"):
        read_study(folder)
    (pairs / "prosody_mix").unlink()
    choose_pairs(pairs, chosen, 2)
    assert not (chosen / "prosody_mix").exists()


def test_lists_without_pairs_and_tables_that_do_not_fit_are_refused(folder: Path) -> None:
    pairs, durations = folder / "pairs", folder / "dump/unit_durations_tiny"
    with pytest.raises(ValueError, match="pairs: at least one pair is needed of 3"):
        choose_pairs(pairs, folder / "chosen", 0)
    for table, lacking in (
        ("units_tiny", "a-2"), ("unit_durations_tiny", "b-1"), ("wav.scp", "b-4"),
        ("wav.scp", "a-1"), ("spk_embed.scp", "a-3"), ("utt2spk", "a-1"),
    ):  # fmt: skip
        content = read_table(folder / "dump" / table)
        write_table(folder / "dump" / table, {k: v for k, v in content.items() if k != lacking})
        with pytest.raises(ValueError, match=f"{table}: lacks 1 keys, for example {lacking}; take"):
            read_study(folder)
        write_table(folder / "dump" / table, content)
    write_table(durations, read_table(durations) | {"a-2": "20 5"})
    with pytest.raises(ValueError, match=r"unit_durations_tiny: a-2: 2 durations for \d+ units"):
        read_study(folder)
    write_table(pairs / "targets", {"p1": "a-3", "p2": "b-3"})
    with pytest.raises(ValueError, match=r"targets: lacks 1 keys, for example p3; take"):
        choose_pairs(pairs, folder / "chosen")
    write_table(pairs / "pairs", {})
    with pytest.raises(ValueError, match="pairs: at least one pair is needed of 0"):
        choose_pairs(pairs, folder / "chosen")


@pytest.mark.parametrize(("kind", "amount"), [("clean", 0.0), ("replaced", 0.4), ("dropped", 0.4)])
def test_the_input_is_as_wrong_as_the_share(kind: str, amount: float, folder: Path) -> None:
    study = read_study(folder)
    assert list(study.units) == ["a-1", "a-2", "b-1"]
    study.write_damaged(Condition(kind, amount), folder / kind)
    durations = read_int_table(folder / kind / "unit_durations_tiny")
    rates = study.input_error_rates(folder / kind)
    for pair in study.pairs:
        number = len(study.units[pair.source])
        assert sum(durations[pair.source]) == study.run_lengths[pair.source].sum()
        # Merged neighbours go beyond the share, and an edit may do for two replaced units.
        most = (int(amount * number + 0.5) + 3) / number if amount else 0.0
        assert amount / 2 <= rates[pair.pair_id] <= most
    assert not (folder / kind / "damaged_wav.scp").exists()


@pytest.mark.parametrize(("kind", "amount"), [("white", 10.0), ("babble", 10.0),
                                              ("reverberation", 0.6)])  # fmt: skip
def test_units_are_those_of_the_damaged_audio(kind: str, amount: float, folder: Path) -> None:
    study, made = read_study(folder), folder / "made"
    study.write_damaged(Condition(kind, amount), made)
    wavs = read_table(made / "damaged_wav.scp")
    assert sorted(wavs) == list(study.units)
    for source, wav in wavs.items():
        for name, row in zip(("units", "unit_durations"), LevelEncoder().encode(read_audio(wav))):
            assert read_int_table(made / f"{name}_tiny")[source] == row.tolist()
        assert sum(row) == study.run_lengths[source].sum()
        clean = read_audio(study.wavs[source]).astype(np.float64)
        noise = read_audio(wav) - clean  # Both are below full scale, so nothing was scaled.
        # The sources have no pauses: the ratio over everything is that over speech.
        ratio_db = 10 * np.log10(np.square(clean).sum() / np.square(noise).sum())
        assert kind == "reverberation" or ratio_db == pytest.approx(10.0, abs=0.3)
    assert min(study.input_error_rates(made).values()) > 0.0
    # Prosody and voice are clean.
    assert read_table(made / "wav.scp") == {name: study.wavs[name] for name in ("a-4", "b-4")}
    vectors, clean_vectors = (
        load_ark_scp(where / "spk_embed.scp") for where in (made, study.data_dir)
    )
    assert sorted(vectors) == ["a-3", "b-3"]
    np.testing.assert_array_equal(vectors["b-3"], clean_vectors["b-3"])


def test_the_explicit_path_hears_the_damaged_source_and_gets_statistics(folder: Path) -> None:
    study, dump = read_study(folder), folder / "dump"
    write_table(dump / "utt2prosody", dict.fromkeys(study.wavs, "5.0 -2.0 -2.0 9"))
    for condition in (WHITE, DROPPED):
        made = folder / condition.folder
        study.write_damaged(condition, made)
        wavs = read_table(made / "wav.scp")
        assert sorted(wavs) == ["a-1", "a-2", "a-4", "b-1", "b-4"]
        assert (wavs["a-1"] == study.wavs["a-1"]) == (condition == DROPPED)
        assert read_table(made / "utt2prosody").keys() == read_table(dump / "wav.scp").keys()
        assert read_table(made / "utt2spk") == read_table(dump / "utt2spk")


def test_amounts_differ_in_nothing_else_and_seeds_in_everything(folder: Path) -> None:
    def noise(snr_db: float, seed: int = 0, source: str = "a-1") -> np.ndarray:
        study, made = read_study(folder, seed), folder / f"{snr_db}_{seed}"
        study.write_damaged(Condition("white", snr_db), made)
        damaged = read_audio(made / f"wav/{source}.flac")
        return (damaged - read_audio(study.wavs[source])).astype(np.float64)

    np.testing.assert_allclose(noise(10.0), noise(20.0) * 10**0.5, atol=5e-4)
    for other in (noise(20.0, seed=1), noise(20.0, source="a-2")[: len(noise(20.0))]):
        assert abs(np.corrcoef(noise(20.0), other)[0, 1]) < 0.1


def test_babble_is_spoken_by_six_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, mixed = read_study(folder), []
    monkeypatch.setattr(robustness, "babble", lambda voices, *_: mixed.append(voices) or voices[0])
    study.units = {"b-1": study.units["b-1"]}
    monkeypatch.setattr(robustness, "add_noise", lambda speech, *_: speech)
    study.write_damaged(Condition("babble", 10.0), folder / "babble")
    of_others = {name: read_audio(study.wavs[name]) for name in study.wavs if name[0] != "b"}
    found = {name for name, w in of_others.items() for v in mixed[0] if np.array_equal(v, w)}
    assert len(mixed[0]) == len(found) == 6
    study.utt2spk = {name: who for name, who in study.utt2spk.items() if name[0] in "ab"}
    with pytest.raises(ValueError, match=r"b-1: babble, SNR 0 dB: .* than b, there are 4; leave"):
        study.write_damaged(Condition("babble", 0.0), folder / "few")


def test_silent_sources_and_other_centroids_are_refused(folder: Path) -> None:
    study = read_study(folder)
    study.units = {source: (units + 1) % 6 for source, units in study.units.items()}
    with pytest.raises(ValueError, match=r"units_tiny: \d+ % of the units of clean sources"):
        study.write_damaged(WHITE, folder / "white")
    # Damaged units need no encoder.
    study.write_damaged(Condition("replaced", 0.1), folder / "replaced")
    study = read_study(folder)
    soundfile.write(study.wavs["a-2"], np.zeros(8000), 16000)
    study.units["a-2"] = np.array([0])  # What the encoder makes of silence.
    with pytest.raises(ValueError, match=r"dump: a-2: white noise, SNR 10 dB: no speech"):
        study.write_damaged(WHITE, folder / "white")


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
        scores = [PairScore(options["row_name"], "p1", "neutral-angry", "s", "t")]
        write_scores(inference_dir / "scores.tsv", scores)

    monkeypatch.setattr(robustness, "convert_pairs", convert)
    monkeypatch.setattr(robustness, "score_conversions", score)
    return calls


def test_damaged_is_converted_and_clean_is_what_it_is_scored_against(
    folder: Path, calls: list[dict]
) -> None:
    made, study = folder / "out/dropped_0.3", read_study(folder)
    scores = study.run(DROPPED, made)
    [call] = calls
    assert (call["data_dir"], call["output_dir"]) == (made / "data", made / "conversion")
    assert call["scored"] == (made / "conversion", study.data_dir)
    assert (call["row_name"], call["with_reference_rows"]) == (DROPPED.row, False)
    assert [score.condition for score in scores] == [""]
    assert min(study.input_error_rates(made / "data").values()) > 0.0
    assert read_study(folder, num_workers=4, device="cuda").run(DROPPED, made) == scores
    assert len(calls) == 1
    study.run(CLEAN, folder / "out/clean")
    assert calls[1]["with_reference_rows"]
    # A begun condition goes on.
    (made / "conversion/scores.tsv").unlink()
    study.run(DROPPED, made)
    assert len(calls) == 3 and (made / "conversion/made by call 1").exists()


def test_other_settings_weights_centroids_targets_or_units_start_anew(
    folder: Path, calls: list[dict]
) -> None:
    def run(reverse: str = "", **changes) -> None:
        study, number = read_study(folder, **changes), len(calls)
        if reverse:
            study.units[reverse] = study.units[reverse][::-1]
        study.run(DROPPED, folder / "out")
        assert len(calls) == number + 1
        assert not (folder / f"out/conversion/made by call {number}").exists()

    limits = GenerationLimits(max_frames_per_unit=6.0)
    for change in (
        {}, {"seed": 1}, {"vocoder": "./hifigan"}, {"compensation_data_dir": "dump/valid"},
        {"compensation_speaker_dir": "dump/train"}, {"limits": limits}, {"reverse": "a-1"}, {},
    ):  # fmt: skip
        run(**change)
    for name in ("model.pth", "centroids.npz"):
        (folder / name).write_bytes(b"other")
        run()
    write_table(folder / "pairs/targets", read_table(folder / "pairs/targets") | {"p1": "a-2"})
    run()
    with pytest.raises(FileNotFoundError, match=r"nowhere/model\.pth"):
        run(model_file="nowhere/model.pth")


def test_the_figure_has_a_column_for_each_kind_of_damage_and_worse_to_the_right() -> None:
    conditions = study_conditions([0.4, 0.1], [0.0, 20.0], [0.3], ["white"])
    factors = dict.fromkeys(METRICS, 1.0) | {"input unit error rate": 0.5}
    records = [
        Record("t", c.row, metric, factor * c.amount, "%", 2, "", "", "", c.amount - 1, 99.0)
        for c in conditions
        for metric, factor in factors.items()
    ]
    figure = robustness_figure(conditions, records, "title")
    grid = [figure.axes[row * 3 : row * 3 + 3] for row in range(len(METRICS))]
    assert [axes.get_xlabel() for axes in grid[-1]] == ["share of units", "SNR (dB)", "RT60 (s)"]
    assert [row[0].get_ylabel().removesuffix(" (%)") for row in grid] == list(METRICS)
    replaced, _, _, dropped_input, clean = grid[0][0].lines
    assert replaced.get_label() == "replaced"
    assert list(replaced.get_xdata()) == list(replaced.get_ydata()) == [0.1, 0.4]
    assert list(dropped_input.get_ydata()) == [0.05, 0.2]
    assert list(clean.get_ydata()) == [0.0, 0.0]
    assert [len(axes.lines) for axes in grid[1]] == [3, 2, 2]  # The input is not here.
    assert grid[0][1].xaxis_inverted()  # SNR falls.
    with pytest.raises(ValueError, match="title: nothing to draw but the clean source"):
        robustness_figure([CLEAN], records, "title")


class WholeStudy:
    """A whole study on random weights."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.centroids = root / "exp/kmeans/centroids.npz"
        self.model_file = write_trained_model(root)
        write_study(root / "data", UnitEncoderPipeline.from_file(self.centroids).encode)
        self.first = self.run()

    def run(self, **changes) -> dict[tuple[str, str], Record]:
        options = {
            "data_dir": self.root / "data/dump",
            "pairs_dir": self.root / "data/pairs",
            "unit_tag": "tiny",
            "centroids_path": self.centroids,
            "results_path": self.root / "exp/results.jsonl",
            "table": "Robustness (synthetic)",
            "out_dir": self.root / "exp/robustness",
            "max_pairs": 2,
            "shares": [0.0, 0.5],
            "snrs_db": [0.0],
            "rt60s_s": [0.3],
            "noises": ["white"],
            **CONVERSION,
            "model_file": self.model_file,
        }
        return {(r.row, r.metric): r for r in report_robustness(**{**options, **changes})}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeStudy]:
    """Return a study that has run once; the configuration holds in its own directory."""
    root = tmp_path_factory.mktemp("recipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield WholeStudy(root)


def test_every_condition_is_in_table_page_and_figure(finished: WholeStudy) -> None:
    found, exp = finished.first, finished.root / "exp"
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
    assert protocol.startswith(f"2 of 3 pairs of {finished.root}/data/pairs (2 sources), model ")
    assert "variance compensation: false" in protocol and "seed 0" in protocol
    # Pair by pair, in whatever order.
    clean, dropped = (
        {score.pair_id: score.unit_error_rate for score in read_scores(path) if score.row == row}
        for name, row in (("clean", "clean source"), ("dropped_0.5", "50 % of units dropped"))
        for path in [exp / f"robustness/{name}/conversion/scores.tsv"]
    )
    differences = [dropped[pair] - rate for pair, rate in clean.items()]
    above = found["50 % of units dropped", "unit error rate above clean"]
    expected = (min(differences), np.mean(differences), max(differences))
    assert (above.low, above.value, above.high) == pytest.approx(expected, abs=1e-5)
    assert above.source == "robustness/dropped_0.5/conversion/scores.tsv"
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
    finished: WholeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
