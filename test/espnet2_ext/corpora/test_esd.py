"""ESD on synthetic fixtures, one with all 35,000 utterances, whole and broken in every way."""

from collections import Counter
from pathlib import Path

import pytest
from reference.changes import changed, refused
from reference.esd_copy import change_transcript, words_of, write_copy

from espnet2_ext.corpora.esd import (
    GENDERS,
    SPEAKERS,
    EsdId,
    Release,
    choose_speakers,
    parse_id,
    prepare,
    read_release,
    read_transcript,
    survey_release,
)
from espnet2_ext.data.directory import validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

ONE = dict(speakers=["0013"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of all speakers; a test that changes it puts it back."""
    return write_copy(tmp_path_factory.mktemp("esd"))


def test_whole_corpus(whole: Path, tmp_path: Path):
    sets = prepare(whole.parent, tmp_path)
    sizes = {name: len(utterances) for name, utterances in sets.items()}
    assert sizes == {"esd_train": 30000, "esd_valid": 2000, "esd_test": 3000}
    sentences = {"esd_valid": (1, 20), "esd_test": (21, 50), "esd_train": (51, 350)}
    emotions = dict(
        Neutral="neutral", Angry="angry", Happy="happy", Sad="sad", Surprise="surprised"
    )
    for name, utterances in sets.items():
        assert validate_data_directory(tmp_path / name) == len(utterances)
        assert not read_rejected(tmp_path / name)
        genders = read_table(tmp_path / name / "spk2gender")
        assert len(genders) == 20 and (genders["0012"], genders["0019"]) == ("m", "f")
        assert set(Counter(u.emotion for u in utterances).values()) == {len(utterances) // 5}
        first, last = sentences[name]
        for utterance in utterances:  # each is what its path says
            *_, speaker, emotion, file = utterance.wav.split("/")
            sentence = (int(file[5:11]) - 1) % 350 + 1
            assert first <= sentence <= last and utterance.wav.startswith("/")
            assert utterance.utterance_id == f"{speaker}-{file[:-4]}"
            assert (utterance.speaker, utterance.emotion) == (speaker, emotions[emotion])
            assert utterance.text == words_of(speaker, sentence)
            assert utterance.language == ("cmn" if int(speaker) <= 10 else "eng")
    for rule in ("same_voice", "parallel"):
        for name, number in (("esd_valid", 20 * 20), ("esd_test", 20 * 30)):
            conditions = read_table(tmp_path / name / "pairs" / rule / "conditions")
            kinds = ("neutral-angry", "neutral-happy", "neutral-sad")
            assert Counter(conditions.values()) == dict.fromkeys(kinds, number)
    assert not (tmp_path / "esd_train/pairs").exists()


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (
            *("Angry/0013_000401.wav", None),
            ": 1749 of 1750 utterances, 299 of 300 0013/angry/train, .*1 wavs missing, first "
            "0013_000401; get the missing part",
        ),
        (
            *("Sad/0013_001060.wav", b"<html>404</html>"),
            r"19 of 20 0013/sad/evaluation, .*1 wavs unreadable, .*060.wav \(not readable as audi",
        ),
        ("Happy", None, "1400 of 1750 utterances, 0 of 20 0013/happy/eval"),
        ("", None, "0 of 1750 utterances, .*; 1 folders or transcripts not there, first 0013/; 1"),
        ("0013.txt", None, "1 folders or transcripts not there, first 0013/0013.txt; 1750 utt"),
        ("0013.txt", b"0013_000001\tA\x81\tNeutral", "0013.txt: is not text in .* or cp1252; save"),
    ],
)
def test_a_copy_that_is_not_whole(
    path: str, content: bytes | None, message: str, whole: Path, tmp_path: Path
):
    with changed(whole / "0013" / path, content):
        refused(prepare, whole, tmp_path / "data", message, **ONE)
        if not path:  # who is not asked for is not looked at
            prepare(whole, tmp_path, speakers=["0014"])
        elif path == "0013.txt" and content is None:
            sets = prepare(whole, tmp_path / "out", **ONE, allow_incomplete=True)
            assert {utterance.text for utterance in sets["esd_test"]} == {None}


def test_lines_without_tabs_and_without_words(whole: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    path = whole / "0013/0013.txt"
    with changed(path, path.read_bytes()):
        for old, new in (
            ("0013_000371\tThe clock stopped at 21.\tAngry", "0013_000371 THE clock, 21. Angry"),
            ("0013_000022\tThe clock stopped at 22.\tNeutral", ""),
            ("0013_000023\tThe clock stopped at 23.\tNeutral", "0013_000023\tReally 23.\tSad"),
        ):
            change_transcript(whole, "0013", old, new)
        sets = prepare(whole, tmp_path, **ONE)
    found = {u.utterance_id: (u.text, u.emotion) for u in sets["esd_test"]}
    assert found["0013-0013_000371"] == ("THE clock, 21.", "angry")
    assert found["0013-0013_000022"] == ("The clock stopped at 22.", "neutral")
    assert found["0013-0013_000023"] == ("Really 23.", "neutral")
    assert (tmp_path / "esd_test/text_repairs.tsv").read_text().splitlines() == [
        "0013-0013_000022\tno line of its own; the words of 0013_000372, the same sentence",
        "0013-0013_000371\tthe line is not id, words and label with tabs",
    ]
    assert "2 texts repaired" in caplog.text
    assert "passed over: 1 labels of transcripts that contradict the id" in caplog.text


def test_what_cannot_be_used_is_listed_where_the_incomplete_is_allowed(tmp_path: Path, caplog):
    caplog.set_level("INFO")
    copy = write_copy(tmp_path, ["0013"], sentences=range(18, 53))
    (copy / "0013/Angry/0013_000371.wav").unlink()
    (copy / "0013/Sad/0013_001072.wav").unlink()  # else all links would change
    (copy / "0013/Sad/0013_001072.wav").write_bytes(b"")
    (copy / "0013/Sad/0013_001101.wav").rename(copy / "0013/Happy/0013_001101.wav")
    (copy / "0013/Happy/copy.wav").touch()
    message = (
        r"1577 wavs missing, .*; 1 wavs too many, first 0013/Happy/copy.wav .*; 1 wavs "
        r"unread.*; 1 wavs whose folder contradicts their id, .* \(sad by its id, happy by its f"
    )
    refused(prepare, copy, tmp_path / "data", message, **ONE)
    prepare(copy, tmp_path / "data", allow_incomplete=True, **ONE)
    test, train = (read_rejected(tmp_path / "data" / name) for name in ("esd_test", "esd_train"))
    unreadable = test.pop("0013-0013_001072")
    assert unreadable.startswith("0013/Sad/0013_001072.wav: not readable as audio: Error opening")
    assert test == {"0013-0013_000371": f"no wav in {copy}"}
    assert train["0013/Happy/0013_001101.wav"] == "sad by its id, happy by its folder"
    assert train["0013-0013_001101"] == f"no wav in {copy}"
    assert len(read_table(tmp_path / "data/esd_test/pairs/same_voice/pairs")) == 88
    numbers = "29 neutral-angry, 30 neutral-happy, 29 neutral-sad; 2 others lack an utterance"
    assert numbers in caplog.text and "going on with what is there" in caplog.text


def test_sets_that_cannot_be_made(tmp_path: Path):
    copy = write_copy(tmp_path, ["0013"], sentences=(1, 2, 3, 21, 51))
    message = "esd_test: no neutral utterance has a partner"
    refused(prepare, copy, tmp_path / "data", message, **ONE, allow_incomplete=True)


def test_everything_is_in_the_id():
    # As in the published lists of speaker 0013: evaluation, test, train of angry.
    for sentence, split in (
        *((1, "evaluation"), (20, "evaluation"), (21, "test"), (50, "test"), (51, "train")),
        (350, "train"),
    ):
        key = EsdId("0013", 350 + sentence)
        assert (key.emotion, key.sentence, key.split) == ("angry", sentence, split)
        assert key.in_emotion("happy") == EsdId("0013", 700 + sentence)
    assert parse_id("0020_001750") == EsdId("0020", 1750)
    for name in ("0011_000000", "0011_001751", "0000_000001", "0021_000001", "００１１_000001"):
        assert parse_id(name) is None


def test_speakers():
    women = [speaker for speaker in SPEAKERS if GENDERS[speaker] == "f"]
    assert women == "0001 0002 0003 0007 0009 0015 0016 0017 0018 0019".split()
    assert choose_speakers("both", None) == SPEAKERS and len(SPEAKERS) == 20
    assert choose_speakers("mandarin", []) == SPEAKERS[:10]
    assert choose_speakers("english", ["0020", "0013", "0013"]) == ("0013", "0020")
    with pytest.raises(ValueError, match="speaker 0001 speaks mandarin, not english; give mandar"):
        choose_speakers("english", ["0001"])


def test_layouts_may_be_mixed_and_wavs_in_the_wrong_place(tmp_path: Path):
    split = write_copy(tmp_path / "2", ["0013"], split_folders=True, sentences=(20, 21, 51))
    copy = write_copy(tmp_path, ["0004", "0013"], sentences=(20, 21, 51))
    release = read_release(split, ["0013"])
    assert release.wavs.keys() == read_release(copy, ["0013"]).wavs.keys()
    assert release.wavs[EsdId("0013", 371)] == "0013/Angry/test/0013_000371.wav"
    assert not (release.extra or release.misplaced or release.absent)
    (copy / "0013/Sad/Test").mkdir()
    (copy / "0013/Sad/0013_001071.wav").rename(copy / "0013/Sad/Test/0013_001071.wav")
    (copy / "0013/Happy").rename(copy / "0013/happy")
    (copy / "0004/0004.txt").write_bytes(b"\xff")  # who is not asked for is not read
    (copy / "0013/0013.txt").unlink()
    misplaced = {
        "0013/Angry/train/0013_000352.wav": "evaluation by its id, train by its folder",
        "0013/Angry/train/0004_000002.wav": "0004 by its id, 0013 by its folder, "
        "neutral by its id, angry by its folder, evaluation by its id, train by its folder",
    }
    extra = {
        "0013/Surprise/0013_001751.wav": "no utterance of the corpus has this name",
        "0013/Neutral/evaluation/0013_000020.WAV": "a second wav of 0013_000020 beside "
        "0013/Neutral/0013_000020.wav",
    }
    others = "Neutral/0013_000020.lab notes.txt Neutral/extra/0013_000020.wav"
    others += " wav/Training/Angry/0013_000401.wav __MACOSX/0013_000020.wav"
    for path in (*misplaced, *extra, *(f"0013/{other}" for other in others.split())):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).touch()
    release = read_release(copy, ["0012", "0013"])
    assert (release.misplaced, release.extra) == (misplaced, extra)
    assert len(release.wavs) == 15 and not release.texts
    assert release.wavs[EsdId("0013", 1071)] == "0013/Sad/Test/0013_001071.wav"
    assert release.wavs[EsdId("0013", 720)] == "0013/happy/0013_000720.wav"
    assert release.absent == ["0012/", "0013/0013.txt"]
    assert release.left_out == {
        "files among the wavs that are no wav": 1,
        "folders of an emotion that are no split": 1,
        "files and folders beside those of the emotions": 2,
        "hidden files and folders": 2,
    }


def read(tmp_path: Path, speaker: str, content: str | bytes) -> Release:
    """Return what is read of a transcript."""
    path = tmp_path / f"{speaker}.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    release = Release(tmp_path)
    read_transcript(release, path, speaker)
    return release


@pytest.mark.parametrize(
    ("speaker", "line", "otherwise"),
    [
        ("0004", "0004_000702\t今天天气很好。\t快乐\r\n", "gb18030"),
        ("0016", "0016_000002\tThe café’s “clock”.\tHappy", "cp1252"),
    ],
)
def test_every_encoding_gives_the_same_text(
    speaker: str, line: str, otherwise: str, tmp_path: Path
):
    for name in (otherwise, "utf-8", "utf-16"):
        content = line.encode(name)
        assert list(read(tmp_path, speaker, content).texts.values()) == [line.split("\t")[1]]
    with pytest.raises(ValueError, match=f"{speaker}.txt: is not text in utf-8-sig or {otherwise}"):
        read(tmp_path, speaker, b"\xff\x81\xff")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
def test_whole_lines(end: str, tmp_path: Path):
    lines = ["0011_000351\tThe  clock\u00a0stopped. \tAngry", "", " 0011_000002\tNo!\tNeutral"]
    release = read(tmp_path, "0011", end.join(lines))
    assert release.texts == {EsdId("0011", 351): "The clock stopped.", EsdId("0011", 2): "No!"}
    assert not (release.repairs or release.left_out)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0012_001355 They see George every day. Sad", "They see George every day."),
        ("0012_001355\tThey see George every day.Sad", "They see George every day."),
        ("0012_001355They see George every day.", "They see George every day."),
        ("0012_001355\tThey see\tGeorge every day.\tSad", "They see George every day."),
        ("0012_001355\tThey are Sad  people\tSad", "They are Sad people"),
        ("0012_001355\tIt made George\tglad\tor sad", "It made George glad or sad"),
        ("0012_001355\tHe is UnSad", "He is UnSad"),
        ("0004_000702\t今天很好。快乐", "今天很好。"),
        ("0004_000703\t今天很快乐", "今天很快乐"),
        ("0004_000704 今天很好 快乐", "今天很好"),
    ],
)
def test_words_of_lines_without_tabs(line: str, words: str, tmp_path: Path):
    release = read(tmp_path, line[:4], line)
    assert list(release.texts.values()) == [words]
    whole = line.count("\t") == 2 and line.endswith("\tSad")
    assert len(release.repairs) == (0 if whole else 1)


def test_every_line_passed_over_is_counted(tmp_path: Path):
    lines = [
        "id text label",
        "0012_000001\tAnother speaker's.\tNeutral",
        "0015_001751\tOne too many.\tSurprise",
        "0015_0000011\tA digit too many.\tNeutral",
        "0015_000001\tFirst.\tNeutral",
        "0015_000001\tSecond.\tNeutral",
        "0015_000002\t\tNeutral",
        "0015_000003",
        "0015_000004\tThe label lies.\tHappy",
        "0015_000137 Let it be. Neutral",
    ]
    release = read(tmp_path, "0015", "\n".join(lines))
    assert list(release.texts.values()) == ["First.", "The label lies.", "Let it be."]
    assert release.left_out == {
        "lines of transcripts that name no utterance of the speaker": 4,
        "lines of transcripts for an utterance that had one": 1,
        "lines of transcripts without words": 2,
        "labels of transcripts that contradict the id": 1,
    }
    assert list(release.repairs) == [EsdId("0015", 137)]


def test_words_are_borrowed_from_most_readings_of_the_sentence(tmp_path: Path):
    copy = write_copy(tmp_path, ["0013"], sentences=(7, 8))
    wavs = read_release(copy, ["0013"]).wavs
    ids = [EsdId("0013", 350 * block + 7) for block in range(5)]
    release = Release(copy, wavs, texts={ids[0]: "A.", ids[2]: "B.", ids[3]: "B."})
    survey, without = survey_release(release, [*ids, EsdId("0013", 8)])
    assert survey.readable == [*ids, EsdId("0013", 8)] and without == [EsdId("0013", 8)]
    assert [release.texts[key] for key in ids] == ["A.", "B.", "B.", "B.", "B."]
    borrowed = "no line of its own; the words of 0013_000707, the same sentence"
    assert release.repairs == {ids[1]: borrowed, ids[4]: borrowed}
    release = Release(copy, wavs, texts={ids[2]: "Happy's.", ids[0]: "Neutral's."})
    survey_release(release, [ids[1]])
    assert release.texts[ids[1]] == "Neutral's.", "of equally frequent words the first"
