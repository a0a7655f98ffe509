"""ESD on synthetic fixtures, one with all 35,000 utterances, whole and broken in every way."""

from collections import Counter
from pathlib import Path

import pytest
from reference.changes import added, changed, refused
from reference.esd_copy import change_transcript, words_of, write_copy

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.esd import (
    GENDERS,
    SPEAKERS,
    EsdId,
    Release,
    borrow_words,
    choose_speakers,
    expected_ids,
    language_of,
    parse_id,
    prepare,
    read_release,
    read_transcript,
    tally,
)
from espnet2_ext.data.directory import Utterance, read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

Sets = dict[str, list[Utterance]]
ONE = dict(speakers=["0013"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of all speakers; a test that changes it puts it back."""
    return write_copy(tmp_path_factory.mktemp("esd"))


@pytest.fixture(scope="module")
def prepared(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sets, Path]:
    """Return the sets of the whole copy and where their directories are."""
    folder = tmp_path_factory.mktemp("data")
    return prepare(whole.parent, folder), folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a copy of 0013 and 0004 with a sentence of each split."""
    return write_copy(tmp_path, ["0004", "0013"], sentences=(20, 21, 51))


def test_whole_corpus(prepared: tuple[Sets, Path]):
    sets, folder = prepared
    sizes = {name: len(utterances) for name, utterances in sets.items()}
    assert sizes == {"esd_train": 30000, "esd_valid": 2000, "esd_test": 3000}
    sentences = {"esd_valid": (1, 20), "esd_test": (21, 50), "esd_train": (51, 350)}
    emotions = dict(
        Neutral="neutral", Angry="angry", Happy="happy", Sad="sad", Surprise="surprised"
    )
    for name, utterances in sets.items():
        assert validate_data_directory(folder / name) == len(utterances)
        assert set(read_data_directory(folder / name)) == {
            *("wav.scp", "utt2spk", "text", "utt2emo", "utt2lang")
        }
        assert not read_rejected(folder / name)
        genders = read_table(folder / name / "spk2gender")
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
    assert sum(u.language == "eng" for members in sets.values() for u in members) == 17500


def test_pairs_directories(prepared: tuple[Sets, Path]):
    _, folder = prepared
    for name, number in (("esd_valid", 20 * 20 * 3), ("esd_test", 20 * 30 * 3)):
        present = read_table(folder / name / "wav.scp").keys()
        for rule in ("same_voice", "parallel"):
            directory = folder / name / "pairs" / rule
            pairs = read_table(directory / "pairs")
            assert len(pairs) == number
            assert {utt for value in pairs.values() for utt in value.split()} <= present
            assert set(read_table(directory / "targets").values()) <= present
            assert len(read_table(directory / "wrong_sentence")) == number // 3
            assert set(read_table(directory / "conditions").values()) == {
                *("neutral-angry", "neutral-happy", "neutral-sad")
            }
    assert not (folder / "esd_train/pairs").exists()


def test_one_speaker_has_the_pairs_it_has_among_all_and_a_rerun_touches_nothing(
    prepared: tuple[Sets, Path], whole: Path, tmp_path: Path
):
    prepare(whole, tmp_path, **ONE)
    for table in ("pairs", "targets", "conditions", "wrong_sentence"):
        among_all = read_table(prepared[1] / "esd_valid/pairs/same_voice" / table)
        assert read_table(tmp_path / "esd_valid/pairs/same_voice" / table) == {
            key: value for key, value in among_all.items() if key.startswith("0013")
        }
    names = ("wav.scp", "text", "utt2emo", "utt2spk")
    tables = [tmp_path / f"esd_{part}" / name for part in ("train", "valid") for name in names]
    times = {path: path.stat().st_mtime_ns for path in tables}
    prepare(whole, tmp_path, **ONE)
    assert {path: path.stat().st_mtime_ns for path in tables} == times


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("Angry/0013_000401.wav", None, ": 1749 of 1750 utterances, 299 of 300 0013/angry/train, "),
        ("Angry/0013_000401.wav", None, "1 wavs missing, first 0013_000401; get the missing part"),
        ("Sad/0013_001060.wav", b"<html>404</html>", "19 of 20 0013/sad/evaluation, "),
        ("Sad/0013_001060.wav", b"<html>", r"1 wavs unreadable, .*060.wav \(not readable as audi"),
        ("Happy", None, "1400 of 1750 utterances, 0 of 20 0013/happy/eval"),
        ("0013.txt", None, "1 folders or transcripts not there, first 0013/0013.txt; 1750 utt"),
        ("0013.txt", b"0013_000001\tA\x81\tNeutral", "0013.txt: is not text in .* or cp1252; save"),
    ],
)
def test_a_copy_that_is_not_whole(
    path: str, content: bytes | None, message: str, whole: Path, tmp_path: Path
):
    with changed(whole / "0013" / path, content):
        refused(prepare, whole, tmp_path / "data", message, **ONE)


def test_other_faults(whole: Path, tmp_path: Path):
    wav = whole / "0013/Sad/0013_001060.wav"
    content = wav.read_bytes()
    with changed(wav, content[: content.index(b"data") + 4] + bytes(4)):
        refused(prepare, whole, tmp_path / "data", r"060.wav \(holds no samples\)", **ONE)
    with added(whole / "0013/Surprise/0013_001751.wav"):
        message = "ESD: 1 wavs too many, first 0013/Surprise/0013_001751.wav"
        refused(prepare, whole, tmp_path / "data", message, **ONE)
    with changed(wav), added(whole / "0013/Happy/0013_001060.wav"):
        message = r"contradicts their id, first 0013/Happy/.* \(sad by its id, happy by its folder"
        refused(prepare, whole, tmp_path / "data", message, **ONE)
    with changed(whole / "0013/0013.txt"):
        sets = prepare(whole, tmp_path / "out", **ONE, allow_incomplete=True)
        assert {utterance.text for utterance in sets["esd_test"]} == {None}
        assert not (tmp_path / "out/esd_test/text").exists()
    with changed(whole / "0013"):
        message = "0 of 1750 utterances, .*; 1 folders or transcripts not there, first 0013/; 1750"
        refused(prepare, whole, tmp_path / "data", message, **ONE)
        prepare(whole, tmp_path, speakers=["0014"])  # who is not asked for is not looked at


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
    found = {u.utterance_id: u for u in sets["esd_test"]}
    assert found["0013-0013_000371"].text == "THE clock, 21."
    assert found["0013-0013_000022"].text == "The clock stopped at 22."
    assert found["0013-0013_000023"].text == "Really 23."
    assert found["0013-0013_000023"].emotion == "neutral"
    assert (tmp_path / "esd_test/text_repairs.tsv").read_text().splitlines() == [
        "0013-0013_000022\tno line of its own; the words of 0013_000372, the same sentence",
        "0013-0013_000371\tthe line is not id, words and label with tabs",
    ]
    assert (tmp_path / "esd_train/text_repairs.tsv").read_text() == ""
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
    prepare(copy, tmp_path / "data", allow_incomplete=True, **ONE)
    test, train = (read_rejected(tmp_path / "data" / name) for name in ("esd_test", "esd_train"))
    unreadable = test.pop("0013-0013_001072")
    assert unreadable.startswith("0013/Sad/0013_001072.wav: not readable as audio: Error opening")
    assert test == {"0013-0013_000371": f"no wav in {copy}"}
    assert train["0013/Happy/0013_001101.wav"] == "sad by its id, happy by its folder"
    assert train["0013/Happy/copy.wav"] == "no utterance of the corpus has this name"
    assert train["0013-0013_001101"] == f"no wav in {copy}"
    assert len(read_table(tmp_path / "data/esd_test/pairs/same_voice/pairs")) == 88
    assert (
        "29 neutral-angry, 30 neutral-happy, 29 neutral-sad; 2 others lack an utterance"
        in caplog.text
    )
    assert "going on with what is there" in caplog.text


@pytest.mark.parametrize(
    ("sentences", "message"),
    [((1, 2, 3, 51), "no utterance of esd_test is"), ((1, 2, 3, 21, 51), "esd_test: no neut")],
)
def test_sets_that_cannot_be_made(sentences, message, tmp_path: Path):
    copy = write_copy(tmp_path, ["0013"], sentences=sentences)
    refused(prepare, copy, tmp_path / "data", message, **ONE, allow_incomplete=True)


def test_counts_of_the_whole_corpus_and_those_that_differ(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    counts = tally(expected_ids(SPEAKERS))
    assert (counts["utterances"], counts["english"], counts["mandarin"]) == (35000, 17500, 17500)
    assert (counts["evaluation"], counts["test"], counts["train"]) == (2000, 3000, 30000)
    assert {counts[speaker] for speaker in SPEAKERS} == {1750}
    assert counts["0013/angry/train"] == 300 and counts["0013/angry/test"] == 30
    assert len(counts) == 1 + 2 + 20 + 5 + 3 + 20 * 5 * 3
    expected = tally(expected_ids(["0013"]))
    kept = [key for key in expected_ids(["0013"]) if key.number not in (1, 371, 372, 401, 1750)]
    with pytest.raises(ValueError, match=r": 1745 of 1750 utterances, 19 of 20 0013/neutral/eval"):
        self_check("/esd", "ESD", expected, tally(kept))
    rows = [" ".join(message.split()) for message in caplog.messages]
    assert "0013 1750 1745 differs" in rows and "happy 350 350" in rows
    assert "0013/angry/test 30 28 differs" in rows and "0013/happy/test 30 30" not in rows


@pytest.mark.parametrize(
    ("name", "emotion", "sentence", "split"),
    [
        ("0011_000001", "neutral", 1, "evaluation"),
        # As in the published lists of speaker 0013: evaluation, test, train of angry.
        ("0013_000351", "angry", 1, "evaluation"),
        ("0013_000370", "angry", 20, "evaluation"),
        ("0013_000371", "angry", 21, "test"),
        ("0013_000400", "angry", 50, "test"),
        ("0013_000401", "angry", 51, "train"),
        ("0013_000700", "angry", 350, "train"),
        ("0020_001750", "surprised", 350, "train"),
    ],
)
def test_everything_is_in_the_id(name: str, emotion: str, sentence: int, split: str):
    key = parse_id(name)
    assert key is not None and (key.emotion, key.sentence, key.split) == (emotion, sentence, split)
    assert str(key) == name and key.utterance_id == f"{name[:4]}-{name}"
    assert key.in_emotion("happy") == EsdId(name[:4], 700 + sentence)


@pytest.mark.parametrize(
    "name", "0011_000000 0011_001751 0000_000001 0021_000001 x0011_000001 ００１１_000001".split()
)
def test_what_is_no_id(name: str):
    assert parse_id(name) is None


def test_speakers():
    women = [speaker for speaker in SPEAKERS if GENDERS[speaker] == "f"]
    assert women == "0001 0002 0003 0007 0009 0015 0016 0017 0018 0019".split()
    assert [language_of(speaker) for speaker in ("0001", "0010", "0011", "0020")] == [
        *("mandarin", "mandarin", "english", "english")
    ]
    assert choose_speakers("both", None) == SPEAKERS and len(SPEAKERS) == 20
    assert choose_speakers("mandarin", []) == SPEAKERS[:10]
    assert choose_speakers("english", ["0020", "0013", "0013"]) == ("0013", "0020")


@pytest.mark.parametrize(
    ("language", "speaker"), [("French", "0013"), ("both", "13"), ("english", "0001")]
)
def test_wrong_choice(language: str, speaker: str):
    with pytest.raises(ValueError, match=f"{language}|{speaker}"):
        choose_speakers(language, [speaker])


@pytest.mark.parametrize("split_folders", [False, True])
def test_both_layouts_hold_the_same(split_folders: bool, tmp_path: Path):
    copy = write_copy(tmp_path, ["0004", "0013"], split_folders=split_folders, sentences=(20, 21))
    release = read_release(copy, ["0004", "0013"])
    assert sorted(release.wavs) == [
        EsdId(speaker, 350 * block + sentence)
        for speaker in ("0004", "0013")
        for block in range(5)
        for sentence in (20, 21)
    ]
    between = "test/" if split_folders else ""
    assert release.wavs[EsdId("0013", 371)] == f"0013/Angry/{between}0013_000371.wav"
    assert all((copy / path).is_file() for path in release.wavs.values())
    assert release.texts[EsdId("0004", 720)] == "今天是第20个好日子，很快乐"
    assert not (release.extra or release.misplaced or release.absent)
    assert release.left_out == {"hidden files and folders": 2}


def test_layouts_may_be_mixed_and_folders_in_other_case(small: Path):
    (small / "0013/Sad/Test").mkdir()
    (small / "0013/Sad/0013_001071.wav").rename(small / "0013/Sad/Test/0013_001071.wav")
    (small / "0013/Happy").rename(small / "0013/happy")
    (small / "0004/0004.txt").write_bytes(b"\xff")  # who is not asked for is not read
    release = read_release(small, ["0013"])
    assert len(release.wavs) == 15 and not (release.extra or release.misplaced)
    assert release.wavs[EsdId("0013", 1071)] == "0013/Sad/Test/0013_001071.wav"
    assert release.wavs[EsdId("0013", 720)] == "0013/happy/0013_000720.wav"


def add(copy: Path, *paths: str) -> None:
    """Add empty files."""
    for path in paths:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).touch()


def test_wavs_in_the_wrong_place_too_many_and_other_files(small: Path):
    (small / "0013/0013.txt").unlink()
    misplaced = {
        "0013/Angry/0013_000701.wav": "happy by its id, angry by its folder",
        "0013/Angry/0004_000351.wav": "0004 by its id, 0013 by its folder",
        "0013/Angry/train/0013_000352.wav": "evaluation by its id, train by its folder",
        "0013/Angry/train/0004_000002.wav": "0004 by its id, 0013 by its folder, "
        "neutral by its id, angry by its folder, evaluation by its id, train by its folder",
    }
    extra = {
        "0013/Surprise/0013_001751.wav": "no utterance of the corpus has this name",
        "0013/Neutral/0013_000020 (1).wav": "no utterance of the corpus has this name",
        "0013/Neutral/evaluation/0013_000020.WAV": "a second wav of 0013_000020 beside "
        "0013/Neutral/0013_000020.wav",
    }
    add(small, *misplaced, *extra, "0013/Neutral/0013_000020.lab", "0013/notes.txt")
    add(small, "0013/Neutral/extra/0013_000020.wav", "0013/wav/Training/Angry/0013_000401.wav")
    add(small, "0013/__MACOSX/0013_000020.wav")
    release = read_release(small, ["0012", "0013"])
    assert (release.misplaced, release.extra) == (misplaced, extra)
    assert len(release.wavs) == 15 and not release.texts
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
    ("speaker", "line", "encodings"),
    [
        ("0004", "0004_000702\t今天天气很好。\t快乐\r\n", "gb2312 gb18030 utf-8 utf-8-sig utf-16"),
        ("0016", "0016_000002\tThe café’s “clock”.\tHappy", "cp1252 utf-8 utf-8-sig utf-16"),
    ],
)
def test_every_encoding_gives_the_same_text(
    speaker: str, line: str, encodings: str, tmp_path: Path
):
    contents = [line.encode(encoding) for encoding in encodings.split()]
    contents += ["\ufeff".encode(name) + line.encode(name) for name in ("utf-16-le", "utf-16-be")]
    for content in contents:
        assert list(read(tmp_path, speaker, content).texts.values()) == [line.split("\t")[1]]


@pytest.mark.parametrize(
    ("content", "speaker", "tried"),
    [
        ("0016_000351\tThe\tAngry\r".encode("utf-16-le") + b"\x81", "0016", "utf-8-sig or cp1252"),
        ("0011_000001\tPlain.\tNeutral".encode("utf-16-le"), "0011", "utf-8-sig or cp1252"),
        (b"0004_000702\t\xff\xff\xff", "0004", "utf-8-sig or gb18030"),
        (b"\xff\xfe0", "0013", "utf-16"),
    ],
)
def test_what_is_no_text(content: bytes, speaker: str, tried: str, tmp_path: Path):
    with pytest.raises(ValueError, match=f"{speaker}.txt: is not text in {tried}; save it as UTF"):
        read(tmp_path, speaker, content)


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
        ("0012_001355\tThey see George every day. Sad", "They see George every day."),
        ("0012_001355 They see George every day.\tSad", "They see George every day."),
        ("0012_001355\tThey see George every day.Sad", "They see George every day."),
        ("0012_001355They see George every day.", "They see George every day."),
        ("0012_001355\tThey see\tGeorge every day.\tSad", "They see George every day."),
        ("0012_001355\tThey are Sad  people\tSad", "They are Sad people"),
        ("0012_001355\tIt made George\tglad\tor sad", "It made George glad or sad"),
        ("0012_001355\tIt made George\tglad", "It made George glad"),
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


def test_words_are_borrowed_from_most_readings_of_the_sentence():
    ids = [EsdId("0013", 350 * block + 7) for block in range(5)]
    release = Release(Path(), texts={ids[0]: "A.", ids[2]: "B.", ids[3]: "B."})
    assert borrow_words(release, [*ids, EsdId("0013", 8)]) == [EsdId("0013", 8)]
    assert [release.texts[key] for key in ids] == ["A.", "B.", "B.", "B.", "B."]
    assert release.repairs.keys() == {ids[1], ids[4]}
    assert set(release.repairs.values()) == {
        "no line of its own; the words of 0013_000707, the same sentence"
    }
    release = Release(Path(), texts={ids[2]: "Happy's.", ids[0]: "Neutral's."})
    assert borrow_words(release, [ids[1]]) == []
    assert release.texts[ids[1]] == "Neutral's.", "of equally frequent words the first"
