"""Which F0 tracker is best: speech of known F0, counts of errors, and the page."""

import numpy as np
import pytest

from tools.bench import f0_trackers
from tools.bench.f0_speech import CONDITIONS, KINDS, Kind, add_noise, pulses, synthesize, telephone
from tools.bench.f0_trackers import (
    CLEANED,
    RAW,
    Errors,
    Result,
    compare,
    conclusion,
    judged_frames,
    render,
    step_helps,
    total,
)


def test_pulses_repeat_at_f0() -> None:
    wave = pulses(Kind(100.0), np.full(1600, 100.0))  # a period is 160 samples
    np.testing.assert_allclose(wave[320:480], wave[480:640], atol=0.1)
    assert wave.min() == pytest.approx(-np.pi / 0.4, rel=0.02)  # half a cosine falls within 0.2
    assert wave.max() == pytest.approx(np.pi / 0.8, rel=0.02)
    creak = pulses(KINDS["creak"], np.full(1600, 100.0))
    np.testing.assert_allclose(creak[320:640], creak[640:960], atol=0.2)
    assert creak[320:480].min() < 1.5 * creak[480:640].min()  # every second one is weaker


@pytest.mark.parametrize("kind", ["man", "jumps"])
def test_speech_follows_its_contour(kind) -> None:
    speech = synthesize(kind, 0)
    assert speech.waveform.shape == speech.f0_hz.shape
    np.testing.assert_array_equal(speech.waveform, synthesize(kind, 0).waveform)
    voiced = speech.f0_hz > 0
    assert voiced.mean() > 0.5 and not voiced.all()
    start = np.flatnonzero(np.diff(voiced.astype(int)) == 1)[0] + 1
    semitones = 12 * np.abs(np.diff(np.log2(speech.f0_hz[start : start + 3900])))
    assert (semitones.max() > 5.9) == (kind == "jumps")
    # Independent of any tracker: a segment's strongest lag is its period.
    piece = speech.waveform[start + 800 : start + 1600]
    lag = round(16000 / speech.f0_hz[start + 1200])
    correlations = [piece[:400] @ piece[each : each + 400] for each in range(60, 400)]
    assert 60 + int(np.argmax(correlations)) == pytest.approx(lag, abs=3)


def test_noise_and_telephone() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    noise = add_noise(tone, 10.0, 0) - tone
    assert 10 * np.log10(np.mean(tone**2) / np.mean(noise**2)) == pytest.approx(10.0)
    for hz, gain in ((100, 0.0), (1000, 1.0), (6000, 0.0)):
        heard = telephone(np.sin(2 * np.pi * hz * np.arange(16000) / 16000))[4000:12000]
        assert np.sqrt(2 * np.mean(heard**2)) == pytest.approx(gain, abs=0.02)


def test_errors_by_hand() -> None:
    true_hz = np.array([0.0, 0, 100, 100, 100, 100, 100, 100])
    f0_hz = np.array([0.0, 90, 0, 100, 200, 49, 130, 1.0])
    judged = np.arange(8) < 7
    errors = compare(f0_hz, true_hz, judged)
    assert errors == Errors(5, 2, missed=1, false_alarms=1, gross=3, octaves=2, cents=0.0)
    percent = (errors + errors).percent
    assert percent["wrong"] == pytest.approx(100 * 5 / 7)
    assert [percent[name] for name in ("missed", "false alarms", "gross", "octave")] == [
        *(20, 50, 75, 50)
    ]
    semitone = compare(np.array([100 * 2 ** (1 / 12)]), np.array([100.0]), np.array([True]))
    assert semitone.percent["cents"] == pytest.approx(100)


def test_frames_near_a_change_of_voicing_are_not_judged() -> None:
    f0_hz = np.repeat([0.0, 100.0], 1000)
    centres = np.array([0, 839, 840, 1159, 1160, 1999])
    assert judged_frames(f0_hz, centres).tolist() == [True, True, False, False, True, True]
    assert judged_frames(f0_hz[:900], centres[:3]).all()


def make_results(wrong: dict[str, int], cleaned: dict[str, int]) -> list[Result]:
    """Return results of which so many of a hundred frames are missed in every condition."""
    return [
        Result(name, step, condition, "man", Errors(100, 0, missed=missed))
        for step, counts in ((RAW, wrong), (CLEANED, cleaned), ("limit", wrong))
        for name, missed in counts.items()
        for condition in CONDITIONS
    ]


def test_conclusion_is_the_best_that_is_cheap_and_built_in() -> None:
    results = make_results(
        {"dio": 9, "praat": 5, "harvest": 1, "pesto": 3}, {"dio": 9, "praat": 4, "pesto": 9}
    )
    costs = {"dio": 0.01, "praat": 0.02, "harvest": 0.9, "pesto": 0.1}
    said = " ".join(conclusion(results, costs))
    assert "best first: harvest (1.0 %, 0.900 of real time), pesto" in said
    assert "should be **praat**" in said and "20 core hours" in said
    assert "pesto would be better (3.0 %) where its package pesto-pitch is installed" in said
    assert step_helps(results, "praat") and not step_helps(results, "dio")
    assert "None of the package's own" in conclusion(results, {"harvest": 0.9})[-1]


def test_no_help_where_clean_speech_suffers() -> None:
    results = make_results({"dio": 9}, {"dio": 1})
    results += [Result("dio", CLEANED, "clean", "man", Errors(100, 0, missed=90))]
    assert not step_helps(results, "dio")
    assert total(results, tracker="dio", step=CLEANED, condition="clean").missed == 91


def test_page_of_a_tiny_run(tmp_path, monkeypatch) -> None:
    out = tmp_path / "page.md"
    monkeypatch.setattr(f0_trackers, "KINDS", {"man": KINDS["man"]})
    f0_trackers.main(
        f"--repeats 1 --voices 1 --only dio --out {out}".split()  # eSpeak NG speaks the voice
    )
    page = out.read_text()
    assert f"--only dio --out {out}" in page and "Git hash" in page and "nan" not in page
    assert all(f"\n## {condition[0].upper()}{condition[1:]}\n" in page for condition in CONDITIONS)
    clean = page.split("## Clean")[1].split("| dio, as tracked |")[1].split("\n")[0]
    assert float(clean.split("|")[0]) < 5.0
    flat = page.split("in monotone\n")[1].split("| dio, as tracked |")[1].split("/")[0]
    assert float(flat) < 10.0


def test_slow_trackers_hear_one_utterance_of_each_kind(monkeypatch) -> None:
    speech = [synthesize("man", seed)._replace(waveform=np.ones(5000)) for seed in (0, 1)]
    clock = iter(range(1000))
    monkeypatch.setattr(f0_trackers.time, "process_time", lambda: next(clock))
    contour = f0_trackers.F0Contour(np.arange(9.0), np.full(9, 120.0))
    results, cost = f0_trackers.measure_tracker("slow", lambda waveform: contour, speech)
    assert len(results) == len(CONDITIONS) * len(f0_trackers.STEPS)
    assert cost == pytest.approx(16000 / 5000)


def test_missing_packages_are_said(monkeypatch) -> None:
    monkeypatch.setattr(f0_trackers.importlib.util, "find_spec", lambda name: None)
    assert set(f0_trackers.installed()) == {"dio", "harvest", "praat"}
    page = render(make_results({"dio": 9}, {"dio": 9}), [], {"dio": 0.01}, {}, "command")
    assert "package swift-f0" in page and page.count("**not measured**") == 3
