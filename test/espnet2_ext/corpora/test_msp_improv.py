"""MSP-IMPROV on synthetic fixtures with all 8,438 utterances, whole and broken in every way."""

import logging
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from reference.changes import changed, refused
from reference.msp_improv_copy import (
    Labels,
    wav_path,
    whole_plan,
    write_copy,
    write_labels,
    write_words,
)

from espnet2_ext.corpora.msp_improv import prepare
from espnet2_ext.data.directory import Utterance, validate_data_directory
from espnet2_ext.data.tables import read_rejected

SMALL = dict(num_valid=3, num_test=4, allow_incomplete=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a whole copy; a test that changes it puts it back."""
    return write_copy(tmp_path_factory.mktemp("improv"), whole_plan())


def small_plan() -> Labels:
    """Return 40 utterances of two speakers."""
    return {
        f"S{n % 20 + 1:02d}{'AH'[n % 2]}-{'FM'[n // 20]}01-{'PRST'[n % 4]}-FM01": "ASHNOX"[n % 6]
        for n in range(40)
    }


def first(scenario: str, label: str) -> str:
    """Return the first utterance of the whole corpus with these."""
    plan = whole_plan().items()
    return next(name for name, own in plan if (name.split("-")[2], own) == (scenario, label))


def everyone(sets: dict[str, list[Utterance]]) -> list[Utterance]:
    return [utterance for members in sets.values() for utterance in members]


def refuse(copy: Path, message: str) -> None:
    refused(prepare, copy, copy.parent / "data", message)


def test_whole_corpus(whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    sets = prepare(whole.parent, tmp_path)
    sizes = {name: len(members) for name, members in sets.items()}
    assert sizes == dict(msp_improv_train=7438, msp_improv_valid=500, msp_improv_test=500)
    assert len({utterance.wav for utterance in everyone(sets)}) == 8438
    assert Counter(u.emotion for u in everyone(sets)) == dict(
        angry=792, sad=885, happy=2644, neutral=3477, other=85, no_agreement=555
    )
    for name, members in sets.items():
        assert validate_data_directory(tmp_path / name) == len(members)
        assert len({u.speaker for u in members}) == 12
        assert not read_rejected(tmp_path / name)
    assert "passed over: 1 files .avi beside the wavs" in caplog.text


@pytest.mark.parametrize(
    ("audio", "label_file"), [("Audio", "Evaluation.txt"), ("", "EVALUTION.TXT")]
)
def test_what_is_known_of_an_utterance_in_every_layout(audio: str, label_file: str, tmp_path: Path):
    copy = write_copy(tmp_path / "a/b", small_plan(), audio=audio, label_file=label_file)
    write_words(copy, small_plan())
    if audio:
        (copy / "session1/S01A/P").mkdir(parents=True)  # where the videos are
        (copy / "session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.avi").touch()
    found = {u.wav: u for u in everyone(prepare(tmp_path / "a", tmp_path / "data", **SMALL))}
    assert found.keys() == {str(wav_path(copy, name, audio)) for name in small_plan()}
    wav = str(wav_path(copy, "S01A-M01-P-FM01", audio))
    assert found[wav] == Utterance(
        "improv_M01-MSP-IMPROV-S01A-M01-P-FM01",
        "improv_M01",
        wav,
        text="Well, S01A",
        emotion="happy",
        session="session1",
        dialogue="session1_S01A",
        language="eng",
    )


def test_transcripts_that_are_missing_or_empty(tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    copy = write_copy(tmp_path, small_plan())
    names = list(small_plan())
    write_words(copy, names[:30])
    (copy / f"Text/MSP-IMPROV-{names[0]}.txt").write_text(" \n")
    (copy / f"Text/MSP-IMPROV-{names[1]}.txt").write_bytes("Café".encode("latin-1"))
    (copy / "Text/notes.doc").touch()
    sets = prepare(copy, tmp_path / "data", **SMALL)
    lines = [
        line
        for name in sets
        for line in (tmp_path / "data" / name / "words.tsv").read_text().splitlines()
    ]
    assert len(lines) == 29 and f"improv_F01-MSP-IMPROV-{names[1]}\tCafé" in lines
    assert "29 of 40 utterances have words; words.tsv holds them" in caplog.text
    assert "passed over: 2 transcripts that are empty or of no utterance" in caplog.text


@pytest.mark.parametrize(
    ("cell", "content", "message"),
    [
        (
            "RA",
            None,
            "not a whole MSP-IMPROV: 8437 of 8438 utterances, 7797 of 7798 of four classes, 791 "
            "of 792 angry and 3 more counts; 1 labels without a wav, first improv_.*-R-",
        ),
        ("PX", b"<html>404</html>", "2784 of 2785 natural interaction, 554 .*1 wavs unreadable"),
        ("", None, r"6816 of 8438 utterances, .*; 1622 labels without a wav, first improv_F06"),
    ],
)
def test_missing_or_unreadable(cell: str, content: bytes | None, message: str, whole: Path):
    with changed(wav_path(whole, first(*cell)) if cell else whole / "session6", content):
        refuse(whole, message)


def test_labels_swapped_between_scenarios(whole: Path):
    """The sums agree, but the letters do not stand for what they are taken to stand for."""
    swapped = dict(whole_plan())
    swapped[first("T", "A")], swapped[first("R", "S")] = "S", "A"
    with changed(whole / "Evalution.txt", b""):
        write_labels(whole / "Evalution.txt", swapped.items())
        refuse(
            whole,
            "MSP-IMPROV: 114 of 115 angry in target improvised, 107 of 106 sad in target "
            "improvised, 170 of 169 angry in target read and 1 more counts; get",
        )


def test_wavs_without_label_or_in_the_wrong_place(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    names = list(small_plan())
    write_labels(copy / "Evalution.txt", islice(small_plan().items(), 39))
    wav_path(copy, names[0]).rename(
        wav_path(copy, names[1]).with_name(f"MSP-IMPROV-{names[0]}.wav")
    )
    for odd in ("MSP-IMPROV-S21A-F01-P-FM01", "MSP-IMPROV-S01A-F07-P-FM01", "UTD-IMPROV-x"):
        wav_path(copy, names[2]).with_name(f"{odd}.wav").touch()
    refuse(
        copy,
        rf"1 labels without a wav, first improv_F01-MSP-IMPROV-{names[0]} \(no wav in "
        rf"session1/S01A/P\); 1 wavs without a label, first improv_M01-MSP-IMPROV-{names[39]} "
        r"\(no label\); 1 wavs whose folders contradict their id, first "
        rf"session1/S02H/R/MSP-IMPROV-{names[0]}.wav \(session1/S01A/P by its id\); 3 wavs of "
        r"another name, first session1/S03A/S/MSP-IMPROV-S01A-F07-P-FM01.wav \(no utter",
    )
    assert len(everyone(prepare(copy, tmp_path / "out", **SMALL))) == 38
    rejected = read_rejected(tmp_path / "out/msp_improv_train")
    assert len(rejected) == 6
    assert rejected[f"improv_M01-MSP-IMPROV-{names[39]}"] == "no label"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (".avi; A; A:2.3", ".avi; Q; A:2.3", r"Evalution.txt:1: expected 'UTD-IMPROV-<id>.avi; <A"),
        ("S02H-F01", "S22H-F01", "Evalution.txt:6: expected 'UTD-IMPROV-<id>.avi; "),
        ("S02H-F01-R", "S01A-F01-P", "txt:6: MSP-IMPROV-S01A-F01-P-FM01 is labelled S here and A"),
        ("UTD-IMPROV-S", "P12-S", "Evalution.txt: holds no labels; get the file again"),
    ],
)
def test_malformed_labels(old: str, new: str, message: str, tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    text = (copy / "Evalution.txt").read_bytes()
    assert old.encode() in text
    number = -1 if new.startswith("P12") else 1
    (copy / "Evalution.txt").write_bytes(text.replace(old.encode(), new.encode(), number))
    refuse(copy, message)


def test_wrong_root(tmp_path: Path):
    copy = write_copy(tmp_path, small_plan())
    refuse(copy / "session1", r"no MSP-IMPROV here .*expected MSP-IMPROV, that is a folder with Ev")
    (copy / "Evalution.txt").unlink()
    refuse(copy, "no MSP-IMPROV here")
