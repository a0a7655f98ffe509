"""Word error rate and DNSMOS in the table of conversions, by packages that are not there."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from espnet2_ext.bin.score import main
from espnet2_ext.data.tables import write_table
from espnet2_ext.metrics.conversion import read_scores
from espnet2_ext.report import judges as hearing
from espnet2_ext.report.judges import Judges
from espnet2_ext.report.records import Record, read_records


class Whisper:
    """Hears "one two three", but one word in what is shorter than half a second."""

    def __init__(self, name: str, device: str) -> None:
        assert (name, device) == ("tiny", "cpu")

    def transcribe(self, waveform: np.ndarray, **options: object) -> tuple[list, None]:
        text = "One." if len(waveform) < 8000 else "One, two, three!"
        return [SimpleNamespace(text=text)], None


def run(waveform: np.ndarray, rate_hz: int) -> dict[str, float]:
    """Return more, the longer a sound is."""
    seconds = len(waveform) / rate_hz
    return {"ovrl_mos": 1 + seconds, "sig_mos": 2 + seconds, "bak_mos": 3.0, "p808_mos": 4.0}


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put stand-ins where the packages would be."""
    speechmos = ModuleType("speechmos")
    speechmos.dnsmos = SimpleNamespace(run=run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "speechmos", speechmos)
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Whisper))
    hearing._load_whisper.cache_clear()
    yield
    hearing._load_whisper.cache_clear()


@pytest.fixture
def score(conversion_files, fake_units: None):
    """Return a function that scores by the command and returns the records of the table."""
    files = conversion_files
    # The targets say another word than the sources, so that it shows whose text is taken.
    write_table(
        files.data_dir / "text",
        {
            "spk-s1": "One two three.",
            "spk-s2": "One two three.",
            "spk-t1": "One two three four.",
            "spk-t2": "One two three four.",
        },
    )
    results = files.data_dir.parent / "results.jsonl"

    def score(*options: str) -> dict[tuple[str, str], Record]:
        main(
            f"conversion --inference_dir {files.inference_dir} --data_dir {files.data_dir} "
            f"--pairs_dir {files.pairs_dir} --centroids_path any --unit_tag tiny --table T "
            f"--protocol P --results_path {results}".split()
            + [*options]
        )
        return {(r.row, r.metric): r for r in read_records(results) if r.table == "T"}

    return score


def values(found: dict[tuple[str, str], Record], metric: str) -> dict[str, float]:
    return {row: record.value for (row, name), record in found.items() if name == metric}


def test_the_word_error_rate_is_a_column(score, packages: None, conversion_files) -> None:
    found = score("--word_error_rate", "tiny")
    # Converted 0.3 and 0.9 s, sources 0.5 and 0.6 s, targets 0.4 and 0.75 s.
    rates = {row: rate for row, rate in values(found, "word error rate").items() if "," not in row}
    assert rates == {
        "zero effort": 0.0,
        "converted": pytest.approx((2 / 3 + 0) / 2),
        "resynthesis": (3 / 4 + 1 / 4) / 2,
        "true target": (3 / 4 + 1 / 4) / 2,
    }
    record = found["converted", "word error rate"]
    assert record.protocol.endswith("; words by faster-whisper, model tiny")
    assert "all utterances together" in record.definition and record.better == "lower"
    assert not values(found, "DNSMOS")
    kept = read_scores(conversion_files.inference_dir / "scores.tsv")
    assert {score.pair_id: score.word_error_rate for score in kept if score.row == "converted"} == {
        "a": pytest.approx(2 / 3, rel=1e-5), "b": 0.0
    }  # fmt: skip


def test_dnsmos_is_four_columns(score, packages: None) -> None:
    found = score("--dnsmos")
    overall = values(found, "DNSMOS")
    assert overall["converted"] == pytest.approx(1 + (0.3 + 0.9) / 2)
    assert overall["zero effort"] == pytest.approx(1 + (0.5 + 0.6) / 2)
    assert overall["true target"] == pytest.approx(1 + (0.4 + 0.75) / 2)
    assert overall["resynthesis"] == pytest.approx(overall["true target"], abs=0.02)
    assert values(found, "DNSMOS, speech")["converted"] == pytest.approx(2.6)
    assert values(found, "DNSMOS, background")["converted"] == 3.0
    assert values(found, "DNSMOS, P.808")["converted"] == 4.0
    assert found["converted", "DNSMOS"].protocol.endswith("; DNSMOS by speechmos")
    assert not values(found, "word error rate")


def test_both_beside_each_other(score, packages: None) -> None:
    found = score("--word_error_rate", "tiny", "--dnsmos")
    assert {"word error rate", "DNSMOS"} <= {metric for _, metric in found}


@pytest.mark.parametrize(
    ("option", "packages", "said"),
    [
        (["--word_error_rate", "tiny"], ["faster_whisper", "whisper"], "pip install faster-whis"),
        (["--dnsmos"], ["speechmos"], "pip install speechmos"),
    ],
)
def test_a_package_that_is_not_there_is_one_line_before_any_work(
    score, conversion_files, monkeypatch: pytest.MonkeyPatch, option, packages, said
) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match=f"^score conversion: .*{said}") as info:
        score(*option)
    assert "\n" not in str(info.value)
    assert not (conversion_files.inference_dir / "scores.tsv").exists()


def test_the_word_error_rate_needs_words_of_every_utterance(
    score, packages: None, conversion_files
) -> None:
    path: Path = conversion_files.data_dir / "text"
    write_table(path, {"spk-s1": "One", "spk-s2": "One", "spk-t1": "?!", "spk-t2": "One"})
    with pytest.raises(SystemExit, match=r"^score conversion: .*text: no words of spk-t1, which"):
        score("--word_error_rate", "tiny")
    path.unlink()
    with pytest.raises(SystemExit, match=r"text: missing; the word error rate needs what is said"):
        score("--word_error_rate", "tiny")
    assert not (conversion_files.inference_dir / "scores.tsv").exists()
    assert values(score("--dnsmos"), "DNSMOS"), "which needs none"


def test_nobody_is_asked_where_no_model_is_named(tmp_path: Path) -> None:
    judges = Judges()
    assert judges.listener() is None
    assert judges.protocol(tmp_path, tmp_path) == []
    assert judges.texts(tmp_path, tmp_path) == {}
