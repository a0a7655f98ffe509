"""The workbench of the prosody path, on a recipe of a few short tones."""

import runpy
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from torch.utils.tensorboard import SummaryWriter

from espnet2_ext.data.directory import Utterance, write_data_directory
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.conversion import PairScore, write_scores
from espnet2_ext.metrics.models import Predictions
from espnet2_ext.report.records import Record, append_records
from tools.bench import prosody_page, prosody_path
from tools.bench.prosody_page import NOT_RUN, PROBE_COLUMNS, VOICE_COLUMNS, cell, put_row, read_rows
from tools.bench.prosody_path import (
    RELATIVE,
    Spoken,
    baseline_figures,
    four_figures,
    main,
    pitch_of,
    probe_figures,
    relative_to_speaker,
    set_figures,
    voice_shares,
)

TAG = "griffin_lim_valid.loss.best"
FIELDS = "f0_error_percent unit_error_rate duration_error_percent level_error_db mcd_db".split()


@pytest.fixture(autouse=True)
def no_optional_package(monkeypatch):
    for name in ("resemblyzer", "opensmile"):
        monkeypatch.setitem(sys.modules, name, None)


def sing(path: Path, f0_hz: float, glide=0.1, seconds=0.4, volume=0.5) -> Path:
    """Write harmonics that glide by a share of their F0 to each side; silence at 0 Hz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = np.linspace(-1.0, 1.0, round(16000 * seconds))
    phase = 2 * np.pi * np.cumsum(f0_hz * np.exp(glide * line)) / 16000
    wave = np.cos(phase[:, None] * np.arange(1, 12)).mean(axis=1) * (f0_hz > 0)
    soundfile.write(path, volume * wave, 16000, "FLOAT")
    return path


def scores(pairs: dict[str, tuple[str, str]], **changes: object) -> list[PairScore]:
    """Return three rows; field k of row r of every pair is 10 r + k."""
    rows = ("converted", "zero effort", "true target")  # as older versions call two of them
    return [
        PairScore(row, pair, "n-h", source, target, **figures)
        for number, row in enumerate(rows)
        for pair, (source, target) in pairs.items()
        for figures in [{each: 10.0 * number + k for k, each in enumerate(FIELDS)} | changes]
    ]


@pytest.fixture
def conversions(tmp_path):
    """Return folders of conversions (10 % high and half as wide; right; silent) and targets."""
    inference, data = tmp_path / "inference", tmp_path / "data"
    sounds = {"a": (165.0, 0.05), "b": (200.0, 0.1), "c": (0.0, 0.0)}
    wavs = {name: sing(inference / f"{name}.wav", *each) for name, each in sounds.items()}
    targets = {"ta": 150.0, "tb": 200.0, "tc": 120.0}
    write_table(inference / "wav.scp", wavs)
    write_table(data / "wav.scp", {n: sing(data / f"{n}.wav", hz) for n, hz in targets.items()})
    write_table(data / "utt2emo", dict.fromkeys(targets, "happy"))
    write_scores(inference / "scores.tsv", scores({n: (f"s{n}", f"t{n}") for n in "abc"}))
    return inference, data


def test_a_set_is_read_from_its_scores_and_the_rest_measured(conversions):
    figures = set_figures(*conversions)
    assert tuple(figures) == tuple(prosody_page.SET_COLUMNS)
    assert figures["pairs"] == 3
    # Of errors of 10, 0 and, without pitch, 100 %; of ranges of a half, one, and none.
    assert figures["F0-mean error, Praat (%)"] == pytest.approx(10.0, abs=1.0)
    assert figures["F0 range"] == pytest.approx(0.5, abs=0.1)
    assert (figures["no pitch, DIO"], figures["no pitch, Praat"]) == (1, 1)
    of_scores = {name: figures[name] for name in prosody_path.OF_SCORES}
    assert list(of_scores.values()) == [0.0, 1.0, 21.0, 2.0, 12.0, 3.0, 13.0, 4.0]
    assert figures["emotion (%)"] == figures["target's emotion (%)"] == NOT_RUN


def test_emotion_of_the_scores_or_of_a_recogniser(conversions, monkeypatch):
    inference, data = conversions
    asked = []

    class Models:
        def __init__(self, emotion_model):
            asked.append(emotion_model)

        def predictor(self):
            # What is silent sounds sad.
            return lambda wave: Predictions({"happy": float(wave.any()), "sad": 0.5})

    monkeypatch.setattr(prosody_path, "EvaluationModels", Models)
    figures = set_figures(inference, data, "exp/ser")
    assert figures["emotion (%)"] == pytest.approx(200 / 3)
    assert figures["target's emotion (%)"] == 100.0 and asked == ["exp/ser"]
    pairs = {n: (f"s{n}", f"t{n}") for n in "abc"}
    write_scores(inference / "scores.tsv", scores(pairs, emotion_right=0.5))
    assert set_figures(inference, data, "exp/ser")["emotion (%)"] == 50.0 and len(asked) == 1


def test_names_a_silent_target_and_a_row_that_is_missing(conversions):
    inference, data = conversions
    write_table(data / "wav.scp", {f"t{n}": sing(data / "silent.wav", 0.0) for n in "abc"})
    with pytest.raises(ValueError, match="silent.wav: no pitch in a target"):
        set_figures(inference, data)
    write_scores(inference / "scores.tsv", scores({"a": ("sa", "ta")})[:2])
    with pytest.raises(ValueError, match="scores.tsv: no row 'ground-truth target'; run the"):
        set_figures(inference, data)


def test_pitch_of_a_file(tmp_path):
    pitch = pitch_of(str(sing(tmp_path / "a.wav", 150.0)))
    assert pitch.dio_hz == pytest.approx(150.0, abs=2) == pitch.praat_hz
    assert pitch.spread == pytest.approx(0.1 / 3**0.5, abs=0.01)  # of a uniform log F0
    assert pitch_of(str(sing(tmp_path / "b.wav", 0.0))) == (0.0, 0.0, 0.0)


def test_voices_leave_out_source_and_target():
    # Of voice a, a1 and a2 lie on the x axis, a3 on the y axis, where all of b lie.
    vectors = {n: np.array([1.0, 0.0]) for n in ("a1", "a2", "c1")}
    vectors |= {n: np.array([0.0, 1.0]) for n in ("a3", "b1", "b2")}
    speakers = {name: name[0] for name in vectors}
    said = np.array([1.0, 0.1])
    # a is a1 and a2 without a3: as near as c, nearer than b.
    assert voice_shares([Spoken(said, "a3", "b1", "a3")], vectors, speakers) == (100.0, 0.0)
    # a is a3 alone: as near as b, further than c.
    assert voice_shares([Spoken(said, "a1", "b1", "a2")], vectors, speakers) == (0.0, 0.0)
    both = [Spoken(said, "a3", "b1", "a3"), Spoken(said, "a1", "b1", "a2")]
    assert voice_shares(both, vectors, speakers) == (50.0, 0.0)
    del vectors["c1"]
    assert voice_shares(both, vectors, speakers) == (50.0, 50.0)


def records(model: str) -> list[Record]:
    """Return probes of a training: 1 to 16 %, in the order of vectors, sets and probes."""
    kinds = ("prosody vector", "untrained encoder", "speaker vector", "chance")
    every = product(kinds, ("seen_set", "unseen_set"), ("emotion probe", "speaker probe"))
    protocol = f"model {model}/valid.loss.best.pth, units tiny"
    return [
        Record("T", f"{data}: {kind}", probe, float(k), "%", 9, "", protocol, f"at-{model}")
        for k, (kind, data, probe) in enumerate(every, start=1)
    ]


def test_probes_are_those_of_the_training():
    voices = {"seen_set": "seen", "unseen_set": "unseen"}
    found = probe_figures([*records("p2v_b")[::-1], *records("p2v")], "p2v", voices)
    assert list(found["prosody vector"].values()) == [1.0, 3.0, 2.0, 4.0]
    assert list(found["speaker vector"].items())[1] == ("emotion probe, unseen (%)", 11.0)
    assert list(found) == ["prosody vector", "untrained encoder", "speaker vector"]
    with pytest.raises(ValueError, match=r"p: no emotion probe, seen \(%\) of the prosody vector"):
        probe_figures(records("p2v"), "p", voices)


def test_four_figures_relative_to_the_speaker(tmp_path):
    sounds = [(100.0, 0.4), (200.0, 0.5), (0.0, 0.6)]
    wavs = [sing(tmp_path / f"{hz}.wav", hz, 0.0, s) for hz, s in sounds]
    figures = four_figures([str(wav) for wav in wavs])
    assert figures[:2, 0] == pytest.approx(np.log([100.0, 200.0]), abs=0.02)
    assert figures[2, 0] == pytest.approx(figures[:2, 0].mean())  # has no pitch
    assert figures[:2, 1] == pytest.approx([0.0, 0.0], abs=0.05)
    assert figures[2, 2] < -90.0 and figures[:, 3] == pytest.approx([0.4, 0.5, 0.6])
    relative = relative_to_speaker(np.array([[1.0], [5.0], [3.0], [9.0]]), np.array([*"aaab"]))
    assert relative[:, 0].tolist() == [-3.0, 3.0, 0.0, 9.0]


def test_vectors_at_chance_everywhere_are_called_the_same():
    voices = {"seen_set": "seen", "unseen_set": "unseen"}
    flat = [
        replace(each, value=each.value + 8.0) if "untrained" in each.row else each
        for each in records("p2v")
    ]
    content = replace(flat[0], metric="content probe", row="seen_set: chance")
    found = probe_figures([*flat, content], "p2v", voices)
    assert found["untrained encoder"] == dict.fromkeys(PROBE_COLUMNS, "all the same")
    flat[4] = replace(flat[4], value=13.5)  # above chance in one
    assert (
        probe_figures(flat, "p2v", voices)["untrained encoder"]["speaker probe, seen (%)"] == 14.0
    )


SOUNDS = {"neutral": (1.0, 0.05, 0.4, 0.3), "happy": (1.2, 0.15, 0.5, 0.5)}
"""Factor of F0, glide, seconds and volume of an emotion."""


@pytest.fixture
def recipe(tmp_path):
    """Return a finished recipe: two sets of two voices, two sentences and two emotions each."""
    exp, model = tmp_path / "exp", tmp_path / "exp/p2v_tiny"
    for data, voices in {
        "seen_set": {"a": 120, "b": 200},
        "unseen_set": {"c": 110, "d": 190},
    }.items():
        folder = tmp_path / "dump/raw" / data
        utterances = [
            Utterance(
                name := f"{voice}-{sentence}-{emotion}",
                voice,
                str(sing(folder / f"{name}.wav", hz * factor, *how)),
                text=f"sentence {voice} {sentence}",
                emotion=emotion,
            )
            for (voice, hz), sentence, (emotion, (factor, *how)) in product(
                voices.items(), range(2), SOUNDS.items()
            )
        ]
        write_data_directory(folder, utterances)
        first, second = voices
        for rule, swap in (("same_voice", "{0}{1}"), ("other_voice", "{1}{0}")):
            pairs = {
                f"{v}{s}": (f"{v}-{s}-neutral", f"{v}-{s}-happy") for v in voices for s in (0, 1)
            }
            inference, listed = model / TAG / data / rule, tmp_path / "data" / data / "pairs" / rule
            wavs = {pair: sing(inference / f"{pair}.wav", voices[pair[0]] * 1.2) for pair in pairs}
            write_table(inference / "wav.scp", wavs)
            write_scores(inference / "scores.tsv", scores(pairs))
            references = dict(zip(voices, swap.format(first, second)))
            lines = {p: f"{each[0]} {references[p[0]]}-0-happy" for p, each in pairs.items()}
            write_table(listed / "pairs", lines)
            write_table(listed / "targets", {pair: each[1] for pair, each in pairs.items()})
    (model / "config.yaml").write_text("seed: 3\nbatch_size: 16\n")
    with SummaryWriter(model / "tensorboard/valid") as writer:
        for step, loss, mel_loss in ((10, 2.0, 0.5), (20, 1.0, 0.75), (30, 3.0, 0.25)):
            writer.add_scalar("loss", loss, step)
            writer.add_scalar("mel_loss", mel_loss, step)
    facts = {"date": "2026-11-28", "device": "abacus"}
    environment = [
        Record("Environment", k, "value", v, "text", 1, "", "", "") for k, v in facts.items()
    ]
    append_records(exp / "results.jsonl", [*environment, *records("p2v_tiny")])
    return tmp_path


def fake_encoder(monkeypatch):
    """Install a speaker encoder whose vector is where F0 lies between 100 and 250 Hz."""

    class VoiceEncoder:
        def __init__(self, device, verbose):
            assert device == "cpu"

        def embed_utterance(self, wave):
            angle = np.abs(np.fft.rfft(wave, 16000))[100:250].argmax() / 100
            return np.array([np.cos(angle), np.sin(angle)])

    def preprocess_wav(wave, source_sr):
        assert source_sr == 16000
        return wave[800:] if len(wave) > 7000 else wave[:0]  # of what is short nothing is left

    package = SimpleNamespace(VoiceEncoder=VoiceEncoder, preprocess_wav=preprocess_wav)
    monkeypatch.setitem(sys.modules, "resemblyzer", package)


def test_baselines_are_probed_with_voices_held_out(recipe, monkeypatch):
    data_dir = recipe / "dump/raw/seen_set"
    found = baseline_figures(data_dir)
    probes = {"emotion probe": NOT_RUN, "speaker probe": NOT_RUN}
    assert found["eGeMAPS"] == found["eGeMAPS" + RELATIVE] == probes
    assert found["four figures"]["speaker probe"] == 100.0
    assert found["four figures" + RELATIVE] == {"emotion probe": 100.0, "speaker probe": 50.0}

    class Smile:
        def __init__(self, feature_set, feature_level):
            assert (feature_set, feature_level) == ("set", "functionals")

        def process_signal(self, wave, rate):
            assert rate == 16000
            # One number, which is that of the voice.
            number = float(np.abs(np.fft.rfft(wave, rate))[100:250].argmax() > 60)
            return SimpleNamespace(to_numpy=lambda: np.array([[number]]))

    package = SimpleNamespace(
        Smile=Smile,
        FeatureSet=SimpleNamespace(eGeMAPSv02="set"),
        FeatureLevel=SimpleNamespace(Functionals="functionals"),
    )
    monkeypatch.setitem(sys.modules, "opensmile", package)
    found = baseline_figures(data_dir)
    assert found["eGeMAPS"]["speaker probe"] == 100.0
    assert found["eGeMAPS" + RELATIVE]["speaker probe"] == 50.0


def test_a_try_and_the_baselines_become_rows_and_a_page(recipe, monkeypatch, capsys):
    fake_encoder(monkeypatch)
    table = recipe / "table.jsonl"
    options = ["--recipe", str(recipe), "--seen", "seen_set", "--unseen", "unseen_set"]
    options += ["--table", str(table), "--render"]
    run = ["--p2v_exp", "exp/p2v_tiny", "--try", "as the paper"]
    main([*options, *run, "--baselines"])
    baselines, row = read_rows(table)
    assert baselines["try"] == "baselines" and len(baselines["probes"]) == 4
    assert (row["try"], row["seed"], row["corpus"]) == ("as the paper", 3, "seen_set")
    assert (row["commit"], row["environment"]) == ("at-p2v_tiny", {"device": "abacus"})
    # Of the update of the least loss.
    assert row["training"] == {"updates": 20, "batch": 16, "mel loss": 0.75}
    assert list(row["sets"]) == ["same voice", "other voice", "unseen speakers"]
    assert row["sets"]["unseen speakers"]["pairs"] == 4
    assert row["probes"]["prosody vector"]["speaker probe, unseen (%)"] == 4.0
    assert list(row["voice"]) == list(VOICE_COLUMNS)
    assert row["voice"]["nearest to the source (%)"] == 100.0
    assert set(baselines["probes"]["four figures"]) == set(PROBE_COLUMNS)
    page = table.with_suffix(".md").read_text()
    assert capsys.readouterr().out.rstrip().endswith(page.rstrip())
    assert "| as the paper | 1 | 20 | 16 | 0.750 | at-p2v_tiny |" in page
    assert "| as the paper: prosody vector | 1 | 1.0 | 3.0 | 2.0 | 4.0 |" in page
    assert "| baselines: eGeMAPS | 1 | not run | not run | not run | not run |" in page
    assert page.count("| as the paper | 1 | 4 |") == 3  # a line for each set
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    main([*options, *run])  # the same try and seed
    assert [each["try"] for each in read_rows(table)] == ["baselines", "as the paper"]
    assert read_rows(table)[1]["voice"] == dict.fromkeys(VOICE_COLUMNS, NOT_RUN)


def test_seeds_of_a_try_are_summarised_and_corpora_kept_apart(tmp_path):
    table = tmp_path / "t.jsonl"
    vectors = {"prosody vector": dict.fromkeys(PROBE_COLUMNS, 1.0)}
    row = {"try": "baselines", "seed": 0, "corpus": "one", "probes": vectors}
    higher = {"prosody vector": dict.fromkeys(PROBE_COLUMNS, 4.0)}
    for each in (
        row,
        row | {"seed": 1},
        row | {"corpus": "two"},
        row | {"seed": 1, "probes": higher},
    ):
        put_row(table, each)
    assert [(each["seed"], each["corpus"]) for each in read_rows(table)] == [
        (0, "one"),
        (1, "one"),
        (0, "two"),
    ]
    page = prosody_page.render(read_rows(table), "the command")
    one, two = page.split("## two")
    # 1 and 4: 2.5, and 1.5 from it with one degree of freedom.
    assert "| baselines: prosody vector | 2 | 2.5 ± 2.1 |" in one
    assert "| baselines: prosody vector | 1 | 1.0 |" in two and "the command" in one


@pytest.mark.parametrize("line", ["nonsense", '{"try": "a", "seed": 0}', "[]"])
def test_names_a_line_that_is_no_row(tmp_path, line):
    (tmp_path / "t.jsonl").write_text(f'{{"try": "a", "seed": 0, "corpus": "b"}}\n{line}\n')
    with pytest.raises(ValueError, match="t.jsonl:2: not a row"):
        read_rows(tmp_path / "t.jsonl")


@pytest.mark.parametrize(
    ("values", "decimals", "text"),
    [
        ([1.0], 2, "1.00"),
        ([1.0, 4.0], 1, "2.5 ± 2.1"),
        ([150, 150], 0, "150"),
        ([NOT_RUN, 2.0], 1, "2.0"),
        ([NOT_RUN, NOT_RUN], 1, NOT_RUN),
    ],
)
def test_a_cell_is_mean_and_deviation(values, decimals, text):
    assert cell(values, decimals) == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--try", "a", "--recipe", "."], "--try needs --p2v_exp"),
        (["--try", "a", "--p2v_exp", "exp/a"], "need --recipe"),
        (["--baselines"], "need --recipe"),
    ],
)
def test_names_an_option_that_is_missing(options, message, capsys):
    with pytest.raises(SystemExit):
        main(options)
    assert message in capsys.readouterr().err


def test_runs_as_a_file_whose_neighbours_are_not_imported(monkeypatch, capsys):
    file = Path(prosody_path.__file__)
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    monkeypatch.setattr(sys, "argv", [str(file), "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(file), run_name="__main__")
    assert "--inference_tag" in capsys.readouterr().out
    assert sys.path[0] == str(file.parents[2])
