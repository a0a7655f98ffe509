"""Kaldi's forms of a data directory: segments, commands, archives, tabs, sorting, speakers."""

import os
import subprocess

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet2_ext.bin import format_wav as command
from espnet2_ext.bin import validate_data
from espnet2_ext.data.audio import AudioError, Recording, read_audio, read_recording
from espnet2_ext.data.directory import DataDirectoryError, validate_data_directory
from espnet2_ext.data.formatting import format_wav
from espnet2_ext.data.tables import read_rejected, read_table, write_table


@pytest.fixture
def kaldi(tmp_path):
    """Return a function that writes the tables of ``data``, of speaker s unless told otherwise."""

    def write(wav_scp, utterances=("s-a", "s-b"), **tables):
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        (data / "wav.scp").write_text(wav_scp)
        (data / "utt2spk").write_text("".join(f"{key} s\n" for key in utterances))
        (data / "spk2utt").write_text(f"s {' '.join(utterances)}\n")
        for name, text in tables.items():
            (data / name).write_text(text)
        return data

    return write


def samples(out, utterance_id):
    return soundfile.read(read_table(out / "wav.scp")[utterance_id], dtype="int16")[0]


@pytest.mark.parametrize(
    ("recordings", "segments"),
    [
        ("s-a {wav}\ns-b {wav}\n", "s-a s-a 0.5 1.0\ns-b s-b 0.2 0.9\n"),  # by utterance
        ("rec1 {wav}\n", "s-a rec1 0.5 1.0\ns-b\trec1\t0.2 0.9\n"),  # by recording, with tabs
    ],
)
def test_segments_are_cut_as_the_table_says(kaldi, make_wav, tmp_path, recordings, segments):
    wav = make_wav("w.wav", duration_s=2)
    data = kaldi(recordings.format(wav=wav), segments=segments, text="s-a one\ns-b two\n")
    assert validate_data_directory(data, is_source=True, check_audio=True) == 2
    assert format_wav(data, tmp_path / "out") == 2
    assert validate_data_directory(tmp_path / "out", check_audio=True) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == [
        "rejected.tsv", "spk2utt", "text", "utt2num_samples", "utt2spk", "wav.scp",
    ]  # fmt: skip
    whole = soundfile.read(wav, dtype="int16")[0]
    np.testing.assert_array_equal(samples(tmp_path / "out", "s-a"), whole[8000:16000])
    np.testing.assert_array_equal(samples(tmp_path / "out", "s-b"), whole[3200:14400])


def test_a_changed_segment_is_cut_again_and_what_is_not_there_is_listed(kaldi, make_wav, tmp_path):
    scp = f"rec1 {make_wav('w.wav', duration_s=2)}\n"
    segments = "s-a rec1 0.5 -1\ns-b rec1 1.5 2.4\ns-c rec1 1.5 2.6\ns-d rec1 2 3\n"
    data = kaldi(scp, ("s-a", "s-b", "s-c", "s-d"), segments=segments)
    out = tmp_path / "out"
    assert format_wav(data, out) == 2
    assert read_table(out / "utt2num_samples") == {"s-a": "24000", "s-b": "8000"}
    rejected = read_rejected(out)
    assert "w.wav: lasts 2.000 s, the part ends at 2.600 s" in rejected["s-c"]
    assert "w.wav: lasts 2.000 s, the part begins at 2.000 s" in rejected["s-d"]
    (data / "segments").write_text(segments.replace("0.5 -1", "0.5 0.75"))
    format_wav(data, out)
    assert read_table(out / "utt2num_samples")["s-a"] == "4000"


FORM = "segments: s-b: expected 'recording start end'"


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("s-a rec1 0 1\n", "utt2spk: s-b: not in"),
        ("s-a rec1 0 1\ns-b rec2 0 1\n", "segments: s-b: wav.scp has no recording 'rec2'"),
        *((f"s-a rec1 0 1\ns-b rec1 {times}\n", FORM) for times in ("0", "1 1", "-1 1", "0 inf")),
        ("s-b rec1 0 1\ns-a rec1 0 1\n", "segments: s-a: no line at .*LC_ALL=C sort"),
    ],
)
def test_segments_that_are_wrong_are_one_line(kaldi, tmp_path, segments, message):
    data = kaldi("rec1 w.wav\n", segments=segments)
    with pytest.raises(DataDirectoryError, match=message):
        format_wav(data, tmp_path / "out")
    with pytest.raises(DataDirectoryError, match="segments: only format_wav cuts"):
        validate_data_directory(data)


def test_commands_are_run_only_where_that_is_allowed(kaldi, make_wav, tmp_path):
    wav, touched = make_wav("w.wav"), tmp_path / "touched"
    data = kaldi(f"s-a cat {wav} |\ns-b touch {touched}; cat {wav} | cat |\n")
    arguments = ["--data_dir", str(data), "--out_dir", str(tmp_path / "out")]
    for refuse in (
        lambda: command.main(arguments),
        lambda: validate_data.main([*arguments[:2], "--check_audio"]),
    ):
        with pytest.raises(SystemExit, match="wav.scp: s-a: a command.*--allow_pipes true"):
            refuse()
    assert not touched.exists() and not (tmp_path / "out").exists()
    command.main([*arguments, "--allow_pipes", "true"])
    assert touched.exists()
    validate_data.main([*arguments[:2], "--check_audio", "--allow_pipes", "true"])
    for utterance_id in ("s-a", "s-b"):
        whole = soundfile.read(wav, dtype="int16")[0]
        np.testing.assert_array_equal(samples(tmp_path / "out", utterance_id), whole)


def test_a_command_that_fails_is_listed_and_tried_again(kaldi, make_wav, tmp_path):
    late = tmp_path / "late.wav"
    data = kaldi(f"s-a cat {make_wav('w.wav')} |\ns-b cat {late} |\n")
    assert format_wav(data, tmp_path / "out", allow_pipes=True) == 1
    assert "exit code 1" in read_rejected(tmp_path / "out")["s-b"]
    make_wav("late.wav")
    assert format_wav(data, tmp_path / "out", allow_pipes=True) == 2
    with pytest.raises(AudioError, match=r"^echo text \|: not readable as audio"):
        read_recording(Recording("echo text |"))


def test_audio_in_archives_is_read(kaldi, make_wav, tmp_path):
    stereo = soundfile.read(make_wav("w.wav", channels=2, rate_hz=8000), dtype="int16")[0]
    mono = soundfile.read(make_wav("m.wav", seed=3), dtype="int16")[0]
    with kaldiio.WriteHelper(f"ark,scp:{tmp_path}/a.ark,{tmp_path}/a.scp") as writer:
        writer("s-a", (8000, stereo))
        writer("s-b", (16000, mono))
        writer("s-d", (16000, np.array([128, 192, 0], np.uint8)))
    soundfile.write(tmp_path / "m.flac", mono, 16000)
    (tmp_path / "flac.ark").write_bytes(b"s-c " + (tmp_path / "m.flac").read_bytes())
    entries = read_table(tmp_path / "a.scp") | {"s-c": f"{tmp_path}/flac.ark:4"}
    # Bytes of eight bits are silent at 128.
    np.testing.assert_array_equal(read_recording(Recording(entries.pop("s-d"))), [0, 0.5, -1])
    scp, out = "".join(f"{key} {entry}\n" for key, entry in entries.items()), tmp_path / "out"
    assert format_wav(kaldi(scp, ("s-a", "s-b", "s-c")), out) == 3
    np.testing.assert_array_equal(samples(out, "s-b"), mono)
    np.testing.assert_array_equal(samples(out, "s-c"), mono)
    expected = read_audio(tmp_path / "w.wav")
    np.testing.assert_allclose(samples(out, "s-a") / 32768, expected, atol=1 / 32768)


def test_what_is_no_audio_in_an_archive_is_listed_and_not_unpickled(kaldi, make_wav, tmp_path):
    with kaldiio.WriteHelper(f"ark,scp:{tmp_path}/f.ark,{tmp_path}/f.scp") as writer:
        writer("s-a", np.zeros((3, 2), np.float32))
    (tmp_path / "p.ark").write_bytes(b"s-b PKL\x04\x01\x00\x00\x00.")
    scp = f"{(tmp_path / 'f.scp').read_text()}s-b {tmp_path}/p.ark:4\n"
    scp += f"s-c {tmp_path}/none.ark:4\ns-d {make_wav('d.wav')}\n"
    out = tmp_path / "out"
    assert format_wav(kaldi(scp, ("s-a", "s-b", "s-c", "s-d")), out) == 1
    rejected = read_rejected(out)
    assert "f.ark:4: no audio begins there" in rejected["s-a"]
    assert "p.ark:4: no audio begins there" in rejected["s-b"]
    assert "none.ark:4: no such file" in rejected["s-c"]
    wav = make_wav("w.wav").rename(tmp_path / "take:2")  # a file
    assert len(read_recording(Recording(str(wav)))) == 4800


def test_tabs_and_the_order_of_sort_are_taken(kaldi, make_wav, tmp_path):
    ids = ["s-a", "s-B", "s-a-1", "s-a.1", "s-a1", "s-ä", "s-_", "s-a_1", "s-9"]
    wav = make_wav("w.wav")

    def kaldi_sort(lines):
        options = {"capture_output": True, "text": True, "env": {**os.environ, "LC_ALL": "C"}}
        return subprocess.run(["sort"], input="".join(lines), **options).stdout

    scp = kaldi_sort(f"{key}\t{wav}\n" for key in ids)
    ordered = [line.split("\t")[0] for line in scp.splitlines()]
    text = kaldi_sort(f"{key} \tsome words\n" for key in ids)
    data = kaldi(scp, ordered, text=text, reco2dur="s-a 1\n", frame_shift="0.01\n")
    (data / "cmvn.scp").write_text("s x.ark:2\n")
    assert format_wav(data, tmp_path / "out") == 9
    assert (tmp_path / "out/text").read_text() == "".join(f"{key} some words\n" for key in ordered)


@pytest.mark.parametrize("suffix", ["-x", ""])
def test_a_speaker_for_every_utterance_stops_unless_accepted(make_wav, tmp_path, suffix):
    wav, data = make_wav("w.wav"), tmp_path / "data"

    def write(count):
        speakers = {f"s{number}{suffix}": f"s{number}" for number in range(count)}
        write_table(data / "wav.scp", dict.fromkeys(speakers, wav))
        write_table(data / "utt2spk", speakers)
        write_table(data / "spk2utt", {speaker: key for key, speaker in speakers.items()})

    arguments = ["--data_dir", str(data), "--out_dir", str(tmp_path / "out")]
    write(5)
    command.main(arguments)  # a handful may be so
    write(6)
    with pytest.raises(SystemExit, match="6 of 6 utt.*name the speakers, or.*_speakers true"):
        command.main(arguments)
    with pytest.raises(SystemExit, match="--allow_utterance_speakers true"):
        validate_data.main(arguments[:2])
    command.main([*arguments, "--allow_utterance_speakers", "true"])
    validate_data.main([*arguments[:2], "--allow_utterance_speakers", "true"])
    assert len(read_table(tmp_path / "out/wav.scp")) == 6
