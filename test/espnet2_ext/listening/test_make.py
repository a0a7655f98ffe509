"""The folder of a test."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet2_ext.listening.design import ListeningTest, read_key
from espnet2_ext.listening.make import SoundFolder, make_test


def test_the_page_is_complete_and_asks_for_nothing_outside(
    test_dir: Path, tiny_test: ListeningTest
) -> None:
    page = test_dir / "page"
    html = (page / "index.html").read_text()
    needed = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert sorted(needed) == ["page.js", "player.js", "store.js", "style.css", "test.js"]
    sounds = {f"audio/{trial.audio}" for trial in tiny_test.trials.values()}
    sounds |= {f"audio/{t.reference}" for t in tiny_test.trials.values() if t.reference}
    there = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert there == {"index.html", *needed, *sounds}
    for name in ("index.html", *needed):
        assert not re.search(r"https?:|//\w+\.|fetch\(|XMLHttp", (page / name).read_text())


def test_the_page_tells_neither_systems_nor_targets(
    test_dir: Path, tiny_test: ListeningTest
) -> None:
    text = (test_dir / "page" / "test.js").read_text()
    for word in (*tiny_test.systems, "target", "item", "angry0", "check", "expected"):
        assert word not in text
    # Names in the order of the manifest, where systems alternate, would tell them too.
    systems = [tiny_test.trials[name].system for name in sorted(tiny_test.trials)]
    assert len({tuple(systems[start::2]) for start in (0, 1)}) == 2
    assert len(set(systems[::2])) > 1


def test_page_and_key_agree(test_dir: Path, tiny_test: ListeningTest) -> None:
    text = (test_dir / "page" / "test.js").read_text()
    data = json.loads(text.split("window.LISTENING_TEST = ")[1].rstrip(";\n"))
    assert (data["hash"], data["title"]) == (tiny_test.digest, "Emotions <in> speech")
    assert data["emotions"] == ["angry", "neutral", "sad"]
    assert tuple(map(tuple, data["orders"])) == tiny_test.orders
    assert len(data["orders"]) == 4 and len(data["orders"][0]) == 18
    for name, trial in tiny_test.trials.items():
        shown = {"kind": trial.kind, "practice": trial.role == "practice"}
        assert data["trials"][name] == {
            **shown, "audio": trial.audio, "reference": trial.reference
        }  # fmt: skip
    assert tiny_test.systems == ("source (unconverted)", "converted")


def test_again_gives_the_same_files_and_another_test_is_refused(
    test_dir: Path, manifest_path: Path
) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in test_dir.rglob("*") if path.is_file()}

    before = contents()
    same = dict(title="Emotions <in> speech", num_listeners=4, emotions=["angry", "neutral", "sad"])
    make_test(manifest_path, test_dir, **same)
    assert contents() == before
    with pytest.raises(ValueError, match="key.json: belongs to another test"):
        make_test(manifest_path, test_dir, **{**same, "num_listeners": 5})
    assert contents() == before


def test_tells_what_listeners_would_hear_beside_the_emotion(
    manifest_path: Path,
    tmp_path: Path,
    make_wav: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_wav("wav/sad0_converted.wav", rate_hz=8000, duration_s=0.1)
    soundfile.write(tmp_path / "wav/sad1_converted.wav", np.full(1600, 1.5), 16000, "FLOAT")
    with caplog.at_level(logging.INFO):
        test = make_test(manifest_path, tmp_path / "out", title="t", num_listeners=2)
    # The target emotions are the choices by default.
    assert test.emotions == ("angry", "sad")
    assert read_key(tmp_path / "out" / "key.json") == test
    assert "18 to 18 recordings each; systems are balanced over multiples of 4" in caplog.text
    assert "different sampling rates (Hz), to be heard: [8000, 16000]" in caplog.text
    assert "1 recordings are beyond full scale" in caplog.text


def test_refuses_no_listeners_and_a_choice_that_is_missing(manifest_path: Path) -> None:
    out = manifest_path.with_name("out")
    with pytest.raises(ValueError, match="at least 1 listener, got 0"):
        make_test(manifest_path, out, title="t", num_listeners=0)
    with pytest.raises(ValueError, match="sad is not among the choices angry, happy"):
        make_test(manifest_path, out, title="t", emotions=["angry", "happy"])


def test_one_format_at_the_own_rate_with_the_same_samples(
    tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    path = make_wav("a.flac", rate_hz=24000, duration_s=0.1)
    sounds = SoundFolder(tmp_path / "out")
    name = sounds.add(str(path))
    info = soundfile.info(tmp_path / "out" / name)
    assert (info.format, info.subtype, info.samplerate) == ("WAV", "PCM_16", 24000)
    expected, _ = soundfile.read(path, dtype="int16")
    written, _ = soundfile.read(tmp_path / "out" / name, dtype="int16")
    np.testing.assert_array_equal(written, expected)
    assert sounds.rates_hz == {str(path): 24000}
    assert sounds.clipped == []
    # The same sound is kept once whatever its name and format.
    soundfile.write(tmp_path / "b.wav", expected, 24000)
    assert sounds.add(str(tmp_path / "b.wav")) == name
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, np.array([0.5, 1.5, -1.5]), 16000, subtype="FLOAT")
    other = sounds.add(str(loud))
    assert sounds.clipped == [str(loud)]
    written, _ = soundfile.read(tmp_path / "out" / other, dtype="int16")
    assert written.tolist() == [16384, 32767, -32768]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {name, other}
