"""A csv of a user's own recordings: columns, ids, and one line for every fault."""

import os
from pathlib import Path

import pytest

from espnet2_ext.corpora.emotion_csv import prepare
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that prepares a csv beside empty files of these names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.chdir(folder)  # a relative csv gives absolute paths all the same

    def read(text: str, *files: str) -> list[Utterance]:
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        (folder / "labels.csv").write_text(text, encoding="utf-8")
        return prepare("labels.csv", tmp_path / "data")

    return read


def test_every_column(read, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    elsewhere = tmp_path / "elsewhere.flac"
    elsewhere.touch()
    utterances = read(
        "\ufefffile,emotion,speaker,session,dialogue,text\n"
        "wav/b 1.wav,sad,ann,1,d1,Good day.\n"
        f"{elsewhere},happy,Bob,2,d2,Bye\n",
        "wav/b 1.wav",
    )
    wav = os.path.join(tmp_path, "own/wav/b 1.wav")
    assert utterances == [
        Utterance("Bob-elsewhere", "Bob", str(elsewhere), "Bye", "happy", "2", "d2"),
        Utterance("ann-b_1", "ann", wav, "Good day.", "sad", "1", "d1"),
    ]
    assert validate_data_directory(tmp_path / "data") == 2
    tables = read_data_directory(tmp_path / "data")
    assert tables["utt2emo"] == {"Bob-elsewhere": "happy", "ann-b_1": "sad"}
    assert "2 utterances: 1 happy, 1 sad" in caplog.text
    assert "no column 'speaker'" not in caplog.text


def test_unknown_speakers_are_each_their_own_and_it_is_said(read, caplog):
    utterances = read("file,emotion\nx/a.wav,sad\nb.c.wav,sad\n", "x/a.wav", "b.c.wav")
    assert [(u.utterance_id, u.speaker) for u in utterances] == [("a-a", "a"), ("b.c-b.c", "b.c")]
    assert "no column 'speaker'; each of the 2 files is taken for a speaker of" in caplog.text


@pytest.mark.parametrize(
    ("speakers", "ids"),
    [
        ("", ["2-2", "angry_1-angry_1", "sad_1-sad_1"]),
        ("sss", ["s-2", "s-angry_1", "s-sad_1"]),
        ("stt", ["s-1", "t-1", "t-2"]),  # another speaker's stem is no repetition
    ],
)
def test_stems_that_repeat_get_their_folders(read, speakers: str, ids: list[str]):
    files = ["angry/1.wav", "sad/1.wav", "sad/2.wav"]
    rows = [",".join((file, "x", *speakers[index : index + 1])) for index, file in enumerate(files)]
    header = "file,emotion,speaker" if speakers else "file,emotion"
    utterances = read("\n".join([header, *rows, ""]), *files)
    assert [utterance.utterance_id for utterance in utterances] == ids


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        ("", "a.wav,x n.wav,x", r"csv:3: n.wav: no such file; 1 of 2 .*relative to /"),
        ("", "a.wav,x ./a.wav,y", "labels.csv:3: ./a.wav: stands in line 2 too"),
        (",speaker", "a.wav,x,s a.flac,x,s", "csv:3: a.flac: gives the id s-a, as line 2 does; re"),
        (",speaker", "a.wav,x,s\u00a0t", "csv:2: a.wav: speaker .* has white space or a slash"),
        ("", "a.wav,very/sad", "csv:2: a.wav: emotion 'very/sad' has white space"),
        ("", "a.wav,sad b.wav,Sad", "csv:3: b.wav: emotion 'Sad', but 'sad' in line 2"),
    ],
)
def test_one_line_for_every_fault(read, columns: str, rows: str, message: str):
    text = "\n".join([f"file,emotion{columns}", *rows.split(" "), ""])
    with pytest.raises(ValueError, match=message) as caught:
        read(text, "a.wav", "a.flac", "b.wav")
    assert "\n" not in str(caught.value)
