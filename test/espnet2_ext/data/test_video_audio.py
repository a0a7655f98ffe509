"""The sound of videos: its length, its parts, what has none, and going on after a kill."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("av")
from reference.film import clicks, write_film, write_silent_film

from espnet2_ext.data import formatting
from espnet2_ext.data.audio import AudioError, read_any_audio
from espnet2_ext.data.formatting import Cut, VideoJob, extract_audio


def extract(jobs: list[VideoJob], out: Path, num_workers: int = 1) -> dict[str, str | None]:
    return extract_audio(jobs, out, description="test", num_workers=num_workers)


def onset_s(waveform: np.ndarray) -> float:
    return float(np.flatnonzero(np.abs(waveform) > 0.1)[0] / 16000)


@pytest.fixture
def count_decoded(monkeypatch):
    """Return the names of the files that are decoded from now on."""
    decoded: list[str] = []

    def read(path: str) -> np.ndarray:
        decoded.append(Path(path).name)
        return read_any_audio(path)

    monkeypatch.setattr(formatting, "read_any_audio", read)
    return decoded


@pytest.mark.parametrize(
    ("rate_hz", "channels", "samples"),
    [(16000, 1, 7000), (44100, 2, 30001), (48000, 1, 24000)],
)
def test_neither_delay_nor_padding_of_the_coder_is_in_the_sound(
    rate_hz, channels, samples, tmp_path
):
    waveform = clicks(samples / rate_hz, [0.2], rate_hz)
    film = write_film(tmp_path / "a.mp4", waveform, rate_hz, channels=channels, picture=True)
    output = tmp_path / "out/a.flac"
    assert extract([VideoJob(str(film), (Cut(str(output)),))], tmp_path / "out") == {
        str(output): None
    }
    info = soundfile.info(output)
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
    # The file states its length in milliseconds; padding would be up to 64 of them.
    assert info.frames == pytest.approx(samples * 16000 / rate_hz, abs=17)
    assert onset_s(soundfile.read(output)[0]) == pytest.approx(0.2, abs=0.005)


def test_parts_are_cut_to_the_sample_from_one_decoding(tmp_path, count_decoded):
    film = write_film(tmp_path / "a.mp4", clicks(3.0, [0.5, 1.75, 2.5]))
    cuts = (
        Cut(f"{tmp_path}/out/1.flac", 0.25, 1.0),
        Cut(f"{tmp_path}/out/2.flac", 1.5, 2.0),
        Cut(f"{tmp_path}/out/3.flac", 2.0),
    )
    assert set(extract([VideoJob(str(film), cuts)], tmp_path / "out").values()) == {None}
    assert count_decoded == ["a.mp4"]
    whole = np.rint(read_any_audio(film) * 32768).astype(np.int16)
    for cut, first, last in zip(cuts, (4000, 24000, 32000), (16000, 32000, 48000), strict=True):
        part, _ = soundfile.read(cut.output, dtype="int16")
        np.testing.assert_array_equal(part, whole[first:last])
        assert onset_s(part / 32768) == pytest.approx({4000: 0.25, 24000: 0.25, 32000: 0.5}[first])


def test_what_has_no_sound_is_a_reason_and_no_error(tmp_path):
    write_silent_film(tmp_path / "silent.mp4")
    short = write_film(tmp_path / "short.mp4", clicks(1.0, [0.5]))
    (tmp_path / "page.mp4").write_text("<html>404</html>" * 100)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "cut_off.mp4").write_bytes(short.read_bytes()[:600])
    unknown = short.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz")
    (tmp_path / "unknown.mp4").write_bytes(unknown)
    reasons = {
        "unknown": "unknown.mp4: its sound is coded as FFmpeg does not know",
        "silent": "silent.mp4: holds no sound",
        "page": "page.mp4: not readable as audio",
        "empty": "empty.mp4: the file is empty",
        "gone": "gone.mp4: no such file",
        "cut_off": "cut_off.mp4: not readable as audio",
    }
    out = tmp_path / "out"
    jobs = [VideoJob(f"{tmp_path}/{stem}.mp4", (Cut(f"{out}/{stem}.flac"),)) for stem in reasons]
    good = Cut(f"{out}/good.flac", 0.5, 1.4)
    late, long = Cut(f"{out}/late.flac", 1.0), Cut(f"{out}/long.flac", 0.2, 1.6)
    found = extract([*jobs, VideoJob(str(short), (good, late, long))], out)
    assert found.pop(good.output) is None
    assert soundfile.info(good.output).frames == 8000
    reasons["late"] = "short.mp4: lasts 1.000 s, the part begins at 1.000 s"
    reasons["long"] = "short.mp4: lasts 1.000 s, the part ends at 1.600 s"
    assert found.keys() == {f"{out}/{stem}.flac" for stem in reasons}
    for stem, words in reasons.items():
        assert words in (found[f"{out}/{stem}.flac"] or "")
        assert not (out / f"{stem}.flac").exists()


def test_a_rerun_decodes_only_what_changed_or_a_kill_cut_off(tmp_path, count_decoded):
    films = [write_film(tmp_path / f"{name}.mp4", clicks(0.3, [0.1])) for name in "abcdef"]
    films.append(write_silent_film(tmp_path / "g.mp4"))
    out = tmp_path / "out"
    jobs = [VideoJob(str(film), (Cut(f"{out}/{film.stem}.flac"),)) for film in films]
    first = extract(jobs, out)
    assert count_decoded == [film.name for film in films]
    count_decoded.clear()
    assert extract(jobs, out) == first and not count_decoded
    journal = out / ".video_journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[3])["job"] == {
        "source": f"{tmp_path}/d.mp4",
        "cuts": [{"output": f"{out}/d.flac", "start_s": 0.0, "stop_s": None}],
    }
    journal.write_text("".join([*lines[:5], lines[6], lines[5][:30]]))
    (out / ".f.4711.part.flac").write_bytes(b"half")
    (out / "a.flac").unlink()  # lost
    (out / "b.flac").write_bytes(b"half")  # damaged
    write_film(films[2], clicks(0.4, [0.1]))  # another video
    jobs[3] = VideoJob(str(films[3]), (Cut(f"{out}/d.flac", 0.1),))  # another part
    write_silent_film(films[4])  # the sound is gone
    second = extract(jobs, out)
    assert count_decoded == [film.name for film in films[:6]]
    assert {Path(path).stem for path, reason in second.items() if reason} == {"e", "g"}
    assert sorted(path.name for path in out.glob("*.flac")) == [f"{n}.flac" for n in "abcdf"]
    assert soundfile.info(out / "c.flac").frames == 6400
    assert soundfile.info(out / "d.flac").frames == 3200


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    films = [write_film(tmp_path / f"{i}.mp4", clicks(0.2, [0.1]), 44100) for i in range(9)]
    contents = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        jobs = [VideoJob(str(film), (Cut(f"{out}/{film.stem}.flac"),)) for film in films]
        assert set(extract(jobs, out, workers).values()) == {None}
        contents.append([(out / f"{film.stem}.flac").read_bytes() for film in films])
    assert contents[0] == contents[1]


def test_without_pyav_nothing_is_touched(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match="read by PyAV; pip install av"):
        extract([VideoJob("a.mp4", (Cut("a.flac"),))], tmp_path / "out")
    assert not (tmp_path / "out").exists()
