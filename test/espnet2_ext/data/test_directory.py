import pytest

from espnet2_ext.data.directory import (
    DataDirectoryError,
    Utterance,
    combine_data_directories,
    filter_length,
    read_data_directory,
    subset_data_directory,
    validate_data_directory,
    write_data_directory,
)
from espnet2_ext.data.tables import read_rejected, read_table, write_rejected, write_table

UTTERANCES = [
    Utterance("b-1", "b", "b 1.wav", text="two words", emotion="sad"),
    Utterance("a-2", "a", "a2.wav", text="one", emotion="happy"),
    Utterance("a-1", "a", "a1.wav", text="ün", emotion="angry"),
]


@pytest.fixture
def data(tmp_path):
    write_data_directory(tmp_path / "data", UTTERANCES)
    return tmp_path / "data"


def files(path):
    return {entry.name: entry.read_text() for entry in sorted(path.iterdir())}


def test_what_is_written_is_sorted_and_read_back(data):
    assert files(data) == {
        "spk2utt": "a a-1 a-2\nb b-1\n",
        "text": "a-1 ün\na-2 one\nb-1 two words\n",
        "utt2emo": "a-1 angry\na-2 happy\nb-1 sad\n",
        "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
        "wav.scp": "a-1 a1.wav\na-2 a2.wav\nb-1 b 1.wav\n",
    }
    tables = read_data_directory(data)
    assert set(tables) == {"wav.scp", "utt2spk", "text", "utt2emo"}
    assert list(tables["wav.scp"]) == ["a-1", "a-2", "b-1"] and tables["utt2emo"]["b-1"] == "sad"
    assert set(read_data_directory(data, names=["text"])) == {"wav.scp", "utt2spk", "text"}


def test_read_errors(data, tmp_path):
    with pytest.raises(DataDirectoryError, match="none: no such data directory"):
        read_data_directory(tmp_path / "none")
    with pytest.raises(DataDirectoryError, match="utt2lang: missing; run the stage"):
        read_data_directory(data, names=["utt2lang"])
    (data / "utt2spk").write_text("a-1\n")
    with pytest.raises(DataDirectoryError, match="utt2spk:1: expected 'key value'.*correct"):
        read_data_directory(data)


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([], "holds no utterances"),
        (UTTERANCES + UTTERANCES[:1], "b-1: given twice"),
        ([Utterance("x-1", "b", "w")], "utt2spk: x-1: does not start with its speaker 'b'"),
        ([*UTTERANCES, Utterance("c-1", "c", "w", emotion="sad")], "text: c-1: no line"),
        ([Utterance("b-1/2", "b", "w")], "'b-1/2': an id has no white space and no slash"),
        ([Utterance("b-1", "b", "w", text="a\nb")], "text: b-1: the value must be one line"),
    ],
)
def test_write_refuses(tmp_path, utterances, message):
    with pytest.raises(DataDirectoryError, match=message):
        write_data_directory(tmp_path / "data", utterances)
    assert not (tmp_path / "data" / "wav.scp").exists()


@pytest.fixture
def with_units(data):
    write_table(data / "units_x", {"a-1": "1", "a-2": "2", "b-1": "3"})
    return data


def test_new_labels_keep_units_and_new_audio_drops_them(with_units):
    before = {entry.name: entry.stat().st_mtime_ns for entry in with_units.iterdir()}
    write_data_directory(with_units, reversed(UTTERANCES))
    assert {entry.name: entry.stat().st_mtime_ns for entry in with_units.iterdir()} == before
    relabelled = [Utterance(u.utterance_id, u.speaker, u.wav, emotion="sad") for u in UTTERANCES]
    write_data_directory(with_units, relabelled)
    assert read_table(with_units / "utt2emo")["a-1"] == "sad"
    assert "units_x" in files(with_units)
    moved = [Utterance(u.utterance_id, u.speaker, "new/" + u.wav) for u in UTTERANCES]
    write_data_directory(with_units, moved)
    assert set(files(with_units)) == {"wav.scp", "utt2spk", "spk2utt"}


@pytest.mark.parametrize("is_killed", [False, True])
def test_tables_of_other_utterances_or_of_before_a_kill_are_dropped(with_units, is_killed):
    if is_killed:
        (with_units / "wav.scp").unlink()
        with pytest.raises(DataDirectoryError, match="wav.scp: missing"):
            validate_data_directory(with_units)
    write_data_directory(with_units, UTTERANCES if is_killed else UTTERANCES[:2])
    assert "units_x" not in files(with_units)
    assert validate_data_directory(with_units) == (3 if is_killed else 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wav.scp", "", "wav.scp: holds no utterances"),
        ("wav.scp", "a-2 x\na-1 x\nb-1 x\n", "wav.scp: a-1: no line at.*sort"),
        ("wav.scp", "a-1 x\na-1 x\n", "wav.scp: a-1 stands twice"),
        ("wav.scp", "a-1 x\na-2 sox y |\nb-1 x\n", "wav.scp: a-2: a command, .*allow_pipes"),
        ("utt2spk", "a-1 a\na-2 b\nb-1 b\n", "utt2spk: a-2: does not start with its speaker 'b'"),
        ("utt2emo", "a-1 x\nb-1 x\n", "utt2emo: a-2: no line at"),
        ("utt2emo", "a-1 x\na-15 x\na-2 x\nb-1 x\n", "utt2emo: a-15: not in wav.scp"),
        ("utt2emo", "a-1 x\na-1 x\na-2 x\nb-1 x\n", "utt2emo: a-1: stands twice"),
        ("utt2emo", "a-1 x\na-2 x\na-15 x\nb-1 x\n", "utt2emo: a-15: stands after a-2; sort"),
        ("utt2emo", "a-1 x\na-2\nb-1 x\n", "utt2emo:2: expected 'key value'"),
        ("spk_embed.scp", "a-1 x.ark:3\n", "spk_embed.scp: a-2: no line"),
        ("spk2utt", "a a-1 a-2\n", "spk2utt: is not the inverse of utt2spk"),
    ],
)
def test_validate_names_the_broken_rule(data, name, content, message):
    (data / name).write_text(content)
    with pytest.raises(DataDirectoryError, match=message):
        validate_data_directory(data)


def test_files_that_are_no_tables_are_left_alone(data):
    for name in (".journal", "feats_type", "spk2gender", "spk_embed.ark"):
        (data / name).write_text("raw\n")
    (data / "rejected.tsv").write_text("x-1\tsilent\n")
    (data / "audio").mkdir()
    assert validate_data_directory(data) == 3


def test_check_audio(tmp_path, make_wav):
    data, wavs = tmp_path / "data", [make_wav(f"{name}.wav") for name in "ab"]
    write_data_directory(data, [Utterance(f"s-{wav.stem}", "s", str(wav)) for wav in wavs])
    assert validate_data_directory(data, check_audio=True) == 2
    write_table(data / "utt2num_samples", {"s-a": 4800, "s-b": 4801})
    with pytest.raises(DataDirectoryError, match="s-b: .*b.wav: holds 4800 samples, utt2num"):
        validate_data_directory(data, check_audio=True)
    wavs[0].write_bytes(b"")
    with pytest.raises(DataDirectoryError, match="s-a: .*a.wav: not readable.*2 of 2 files"):
        validate_data_directory(data, check_audio=True)


def test_combine_keeps_tables_that_all_inputs_have(data, tmp_path, caplog):
    other = tmp_path / "other"
    write_data_directory(other, [Utterance("aa-1", "aa", "x.wav", emotion="sad", language="en")])
    for path, ids in ((data, ("a-1", "a-2", "b-1")), (other, ("aa-1",))):
        write_table(path / "units_x", dict.fromkeys(ids, "1 2"))
        write_table(path / "unit_durations_x", dict.fromkeys(ids, "3 4"))
        write_table(path / "spk_embed.scp", dict.fromkeys(ids, f"{path}/e.ark:9"))
    write_rejected(data, {"a-0": "silent"})
    write_rejected(other, {"aa-0": "short"})
    out = tmp_path / "out"
    combine_data_directories(out, [data, other])
    assert validate_data_directory(out) == 4
    tables = read_data_directory(out)
    assert set(tables) == {
        "wav.scp", "utt2spk", "utt2emo", "units_x", "unit_durations_x", "spk_embed.scp",
    }  # fmt: skip
    assert tables["spk_embed.scp"]["aa-1"] == f"{other}/e.ark:9"
    assert read_rejected(out) == {"a-0": "silent", "aa-0": "short"}
    assert f"without text, which {other} lacks" in caplog.text
    assert f"without utt2lang, which {data} lacks" in caplog.text


def test_combine_refuses(data, tmp_path):
    with pytest.raises(DataDirectoryError, match="is an input too"):
        combine_data_directories(data, [data])
    with pytest.raises(DataDirectoryError, match="wav.scp: .*: stands in another input too"):
        combine_data_directories(tmp_path / "out", [data, data])
    (data / "utt2emo").write_text("a-1 x\n")
    with pytest.raises(DataDirectoryError, match="utt2emo: a-2"):
        combine_data_directories(tmp_path / "out", [data])


def test_subset(with_units, tmp_path):
    out = tmp_path / "out"
    subset_data_directory(with_units, out, ["b-1", "a-1"])
    assert validate_data_directory(out) == 2
    assert read_table(out / "units_x") == {"a-1": "1", "b-1": "3"}
    assert (out / "spk2utt").read_text() == "a a-1\nb b-1\n"


def test_subset_refuses(data, tmp_path):
    write_rejected(data, {"a-0": "silent"})
    for ids, message in (
        (["a-0"], r"a-0: rejected \(silent\)"),
        (["a-9"], "a-9: not there"),
        ([], "holds no utterances"),
    ):
        with pytest.raises(DataDirectoryError, match=message):
            subset_data_directory(data, tmp_path / "out", ids)


LIMITS = {"min_duration_s": 0.5, "max_duration_s": 2}
LENGTHS = {"a-1": 7999, "a-2": 8000, "b-1": 32000, "b-2": 32001}


@pytest.fixture
def dump(tmp_path):
    write_data_directory(tmp_path / "dump", [Utterance(key, key[0], "x.flac") for key in LENGTHS])
    write_table(tmp_path / "dump" / "utt2num_samples", LENGTHS)
    write_table(tmp_path / "dump" / "units_x", dict.fromkeys(LENGTHS, "1 2"))
    write_rejected(tmp_path / "dump", {"c-1": "silent"})
    return tmp_path / "dump"


def test_limits_belong_to_what_stays(dump, tmp_path, caplog):
    out = tmp_path / "out"
    assert filter_length(dump, out, **LIMITS) == 2
    assert validate_data_directory(out) == 2
    assert read_table(out / "units_x") == {"a-2": "1 2", "b-1": "1 2"}
    assert read_rejected(out) == {
        "a-1": "0.500 s, shorter than 0.5 s",
        "b-2": "2.000 s, longer than 2 s",
        "c-1": "silent",
    }
    assert "2 of 4 utterances rejected" in caplog.text


@pytest.fixture
def train(tmp_path):
    """A training set: speaker a at two speeds, and b at another speed only."""
    ids = ("a-3", "sp0.9-a-3", "sp0.9-b-3")
    utterances = [Utterance(key, key.rpartition("-")[0], "x.flac") for key in ids]
    write_data_directory(tmp_path / "train", utterances)
    return tmp_path / "train"


def test_whose_speaker_has_no_other_utterance_is_left_out(dump, train, tmp_path, caplog):
    out = tmp_path / "out"
    assert filter_length(dump, out, **LIMITS, speaker_dir=train) == 1
    assert list(read_table(out / "units_x")) == ["a-2"]
    reason = f"no other utterance of the speaker here or in {train} gives the voice"
    assert read_rejected(out)["b-1"] == reason
    assert "b-2" in read_rejected(out), "too long, and so no other utterance"
    message = f"{dump}: 1 of 2 speakers have one utterance in it and {train} together"
    assert [m for m in caplog.messages if message in m] == [f"{message}, and are left out: b"]
    assert "3 of 4 utterances rejected" in caplog.text
    # Within the limits both are each other's.
    assert filter_length(dump, out, **LIMITS | {"max_duration_s": 3}, speaker_dir=train) == 3
    assert "b-1" not in read_rejected(out)


def test_utterances_of_both_sets_are_no_other_one_and_a_set_of_strangers_is_an_error(
    dump, tmp_path, caplog
):
    out, both = tmp_path / "out", tmp_path / "train"
    write_data_directory(both, [Utterance("c-1", "c", "x.flac")])
    for folder, message in (
        (both, "no speaker has another utterance .* must hold 1"),
        (tmp_path / "none", "none: no such data directory"),
    ):
        with pytest.raises(DataDirectoryError, match=message):
            filter_length(dump, out, **LIMITS, speaker_dir=folder)
    assert not out.exists()
    write_data_directory(both, [Utterance(key, key[0], "x.flac") for key in ("a-2", "b-1", "b-3")])
    assert filter_length(dump, out, **LIMITS, speaker_dir=both) == 1
    assert list(read_table(out / "wav.scp")) == ["b-1"]
    assert f"{dump}: 2 of its utterances stand in {both} too" in caplog.text


def test_limits_and_lengths_that_are_wrong(dump, tmp_path):
    for shortest, longest, message in (
        (-1, 2, "leave nothing; give 0 <= min <= max"),
        (3, 2, "leave nothing; give 0 <= min <= max"),
        (float("nan"), 2, "leave nothing; give 0 <= min <= max"),
        (5, 6, "no utterance lasts 5 to 6 s"),
    ):
        with pytest.raises(ValueError, match=message):
            filter_length(dump, tmp_path / "out", min_duration_s=shortest, max_duration_s=longest)
    with pytest.raises(DataDirectoryError, match="is an input too"):
        filter_length(dump, dump, **LIMITS)
    write_table(dump / "utt2num_samples", LENGTHS | {"a-1": "long"})
    with pytest.raises(DataDirectoryError, match="utt2num_samples: a-1: 'long' is not a number"):
        filter_length(dump, tmp_path / "out", **LIMITS)


def test_what_a_later_stage_rejected_is_left_out(dump, tmp_path):
    limits = {"min_duration_s": 0, "max_duration_s": 9}
    write_table(dump / "units_x", dict.fromkeys(LENGTHS.keys() - {"a-2"}, "1 2"))
    with pytest.raises(DataDirectoryError, match="a-2: no line"):
        filter_length(dump, tmp_path / "out", **limits)
    write_rejected(dump, read_rejected(dump) | {"a-2": "units_x: too short"})
    assert filter_length(dump, tmp_path / "out", **limits) == 3
    assert validate_data_directory(tmp_path / "out") == 3
    combine_data_directories(tmp_path / "both", [dump])
    assert sorted(read_table(tmp_path / "both" / "wav.scp")) == ["a-1", "b-1", "b-2"]
    assert sorted(read_rejected(tmp_path / "both")) == ["a-2", "c-1"]
    write_rejected(dump, dict.fromkeys(LENGTHS, "silent"))
    with pytest.raises(DataDirectoryError, match="every utterance is rejected"):
        combine_data_directories(tmp_path / "none", [dump])
