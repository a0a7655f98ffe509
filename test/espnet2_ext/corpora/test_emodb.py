"""EmoDB on made-up copies, whole and broken in every way."""

import os
from collections import Counter
from pathlib import Path

import pytest
from reference.emodb_copy import LETTERS, SPEAKERS, emodb_names, write_emodb, write_tiny

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora.emodb import EXPECTED, parse_name, prepare
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

WORDS = dict(W="angry", L="bored", E="disgusted", A="fearful", F="happy", T="sad", N="neutral")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a whole copy."""
    return write_emodb(tmp_path / "corpora")


def refused(copy: Path, message: str) -> None:
    """Check that the copy is refused with this message and that nothing is written."""
    with pytest.raises(ValueError, match=message) as caught:
        prepare(copy, copy.parent / "data")
    assert "\n" not in str(caught.value)
    assert not (copy.parent / "data").exists()


def test_whole_corpus(copy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    utterances = prepare(copy, tmp_path)
    path = tmp_path / "emodb"
    assert len(utterances) == validate_data_directory(path) == 535
    assert set(read_data_directory(path).tables) == {
        *("wav.scp", "utt2spk", "text", "utt2emo", "utt2lang")
    }
    assert read_rejected(path) == {}
    assert Counter(u.emotion for u in utterances) == {WORDS[k]: n for k, n in LETTERS.items()}
    assert Counter(u.speaker for u in utterances) == SPEAKERS
    genders = read_table(path / "spk2gender")
    assert len(genders) == 10 and (genders["03"], genders["08"]) == ("m", "f")
    for utterance in utterances:
        name = Path(utterance.wav).stem
        assert utterance.wav.startswith("/") and Path(utterance.wav).is_file()
        assert utterance.utterance_id == f"{name[:2]}-{name}"
        assert utterance.emotion == WORDS[name[5]] and utterance.language == "deu"
    texts = {u.wav[-9:-6]: u.text for u in utterances}
    assert len(texts) == 10 and texts["b01"].startswith("Was sind denn das für Tüten")
    assert "self-check passed" in caplog.text and "another rate" not in caplog.text


@pytest.mark.parametrize("above", ["wav", ".", "..", "../.."])
def test_every_root_that_may_be_given(above: str, tmp_path: Path):
    copy = write_emodb(tmp_path / "a/b")
    assert len(prepare(copy / above, tmp_path / "data")) == 535


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nowhere", "is not there; expected the folder wav with 03a01Fa.wav to 16b10Wb.wav"),
        ("tiny.wav", "is not a folder; unpack it; expected the folder wav"),
        ("empty", "no EmoDB here or up to 3 folders below; expected the folder wav with 03a01Fa"),
    ],
)
def test_wrong_root(root: str, message: str, tmp_path: Path):
    write_tiny(tmp_path / "tiny.wav")
    write_tiny(tmp_path / "empty/wav/1001_DFA_ANG_XX.wav")
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / root, tmp_path / "data")


def test_two_copies(tmp_path: Path):
    for name in ("one", "two"):
        write_emodb(tmp_path / name, ["03a01Wa"])
    with pytest.raises(ValueError, match="holds 2 copies of EmoDB, such as .*one.* give the one"):
        prepare(tmp_path, tmp_path / "data")


def test_missing_wav(copy: Path):
    (copy / "wav" / f"{emodb_names()[0]}.wav").unlink()
    refused(copy, "not a whole EmoDB: 534 of 535 utterances, .* and 1 more counts; get the missing")


def test_a_file_in_place_of_another_shows_in_the_counts(copy: Path):
    name = next(name for name in emodb_names() if name[5] == "W")
    (copy / f"wav/{name}.wav").rename(copy / f"wav/{name[:5]}Nf.wav")
    refused(copy, "EmoDB: 126 of 127 angry, 80 of 79 neutral; get")


def test_unreadable_and_empty_wavs(copy: Path, tmp_path: Path):
    first, second = (copy / "wav" / f"{name}.wav" for name in emodb_names()[:2])
    content = first.read_bytes()
    for path, broken in (
        (first, b"<html>404</html>"),
        (second, content[: content.index(b"data") + 4] + bytes(4)),
    ):
        path.unlink()  # the files share their content
        path.write_bytes(broken)
    refused(copy, rf"533 of 535 utterances, .*; 2 wavs unreadable, first {first.name} \(not read")
    utterances = prepare(copy, tmp_path / "part", allow_incomplete=True)
    assert len(utterances) == validate_data_directory(tmp_path / "part/emodb") == 533
    rejected = read_rejected(tmp_path / "part/emodb")
    assert set(rejected) == {f"{path.stem[:2]}-{path.stem}" for path in (first, second)}
    assert rejected[f"{second.stem[:2]}-{second.stem}"] == "holds no samples"


def test_wavs_too_many(copy: Path, tmp_path: Path):
    write_tiny(copy / "wav/17a01Wa.wav")
    refused(copy, r"EmoDB: 1 wavs that EmoDB does not have, first 17a01Wa.wav \(no recording")
    upper = copy / "wav" / f"{emodb_names()[0]}.WAV"
    os.link(copy / "wav/17a01Wa.wav", upper)
    prepare(copy, tmp_path / "part", allow_incomplete=True)
    rejected = read_rejected(tmp_path / "part/emodb")
    assert rejected.pop("17a01Wa.wav") == "no recording of EmoDB has this name"
    [[file, reason]] = rejected.items()
    assert file.lower() == upper.name.lower() and reason.startswith("a second wav of")


def test_version_2_is_named_where_it_holds_more(copy: Path, tmp_path: Path):
    (copy / "db.yaml").touch()
    (copy / "db.emotion.csv").write_text("file,emotion\nwav/03a01Wa.wav,something else\n")
    assert len(prepare(copy, tmp_path / "same")) == 535
    more = next(name for name in emodb_names() if name.endswith("a"))
    write_tiny(copy / f"wav/{more[:-1]}f.wav")
    refused(copy, r"536 of 535 utterances.*; 2 signs of version 2.0, first .*db.yaml \(it may hold")
    assert len(prepare(copy, tmp_path / "all", allow_incomplete=True)) == 536


def test_other_rate_is_logged_and_kept(copy: Path, tmp_path: Path, caplog):
    path = copy / "wav" / f"{emodb_names()[0]}.wav"
    path.unlink()
    write_tiny(path, rate_hz=44100, channels=2)
    assert len(prepare(copy, tmp_path)) == 535
    assert f"1 wavs have another rate or channels than those released, first {path.name}" in (
        caplog.text
    )
    assert "(44100 Hz, 2 channels)" in caplog.text


def test_nothing_readable(tmp_path: Path):
    copy = write_emodb(tmp_path, [])
    (copy / "wav/03a01Wa.wav").touch()
    with pytest.raises(ValueError, match="no wav can be read; get the corpus again"):
        prepare(copy, tmp_path / "data", allow_incomplete=True)


def test_command(copy: Path, tmp_path: Path):
    main(["emodb", "--db", str(copy), "--data", str(tmp_path / "data")])
    assert validate_data_directory(tmp_path / "data/emodb") == 535
    with pytest.raises(SystemExit, match="^prepare emodb: .*nowhere: is not there; exp"):
        main(["emodb", "--db", str(tmp_path / "nowhere"), "--data", str(tmp_path / "data")])
    (copy / "wav" / f"{emodb_names()[0]}.wav").unlink()
    with pytest.raises(SystemExit, match="or say --allow_incomplete to go on"):
        main(["emodb", "--db", str(copy), "--data", str(tmp_path / "data")])
    main(["emodb", "--db", str(copy), "--data", str(tmp_path / "data"), "--allow_incomplete"])
    assert validate_data_directory(tmp_path / "data/emodb") == 534


def test_a_name_says_everything():
    name = parse_name("16b10Td")
    assert name is not None and str(name) == "16b10Td"
    assert (name.speaker, name.sentence, name.emotion) == ("16", "b10", "sad")
    assert name.utterance_id == "16-16b10Td"


@pytest.mark.parametrize(
    "stem", ["3a01Wa", "03a03Wa", "03a01Xa", "03a01Wg", "03a01wa", "07a01Wa", "._03a01Wa", ""]
)
def test_names_that_are_none(stem: str):
    assert parse_name(stem) is None


def test_expected_counts_add_up_in_every_way():
    kinds = [("speaker", 10), ("sentence", 10)]
    for kind, number in kinds:
        counts = [value for name, value in EXPECTED.items() if name.startswith(kind)]
        assert (len(counts), sum(counts)) == (number, 535)
    emotions = [value for name, value in EXPECTED.items() if " " not in name]
    assert emotions[0] == sum(emotions[1:]) == 535 and len(emotions) == 8
