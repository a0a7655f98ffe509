"""OMG-Emotion: videos by either route, overlaps, dead links, broken tables, wrong roots."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from reference.changes import refused
from reference.film import clicks, write_film, write_silent_film
from reference.omg_copy import HEADER, row, write_csv, write_tables

from espnet2_ext.bin.prepare import main
from espnet2_ext.corpora import omg
from espnet2_ext.corpora.omg import (
    EXPECTED,
    Clip,
    count,
    find_media,
    prepare,
    read_clips,
    read_transcripts,
)
from espnet2_ext.data.directory import read_data_directory, validate_data_directory
from espnet2_ext.data.tables import read_rejected, read_table

LINKS = ("AbCdEfGhIjK", "-_CdEfGhIjK")
# Utterances of 2 s; the second begins 0.4 s before the first ends, the last is within another.
TIMES_S = {1: ("1", "3"), 2: ("2.6", "5"), 3: ("5", "7"), 4: ("7", "9"), 5: ("7.5", "9.1")}
SMALL = {"train utterances": 2, "valid utterances": 3, "test utterances": 3}


def tables(folder: Path, *, labels: bool = True) -> Path:
    """Write small tables: the first link has train and validation utterances, both have tests."""

    def rows(link: int, video: str, numbers: tuple[int, ...], label: int | None) -> list[str]:
        return [
            row(LINKS[link], *TIMES_S[number], video, f"utterance_{number}.mp4 ", label)
            for number in numbers
        ]

    write_csv(folder / "omg_TrainVideos.csv", [*rows(0, "f1f277e5d_1", (1, 2), 4), ",,,,,0,0,"])
    write_csv(folder / "omg_ValidationVideos.csv", rows(0, "f1f277e5d_2", (3, 4, 5), 3))
    label = 5 if labels else None
    test = rows(1, "5b44393ed", (1, 3), label) + rows(0, "f9f9f9f9f", (4,), label)
    header = HEADER if labels else ",".join(HEADER.split(",")[:5])
    write_csv(folder / f"omg_TestVideos_With{'' if labels else 'out'}Labels.csv", test, header)
    return folder


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a whole video and one of an utterance."""
    folder = tmp_path_factory.mktemp("films")
    return {
        "whole": write_film(folder / "whole.mp4", clicks(12.0, [0.5, 2.5, 4.5, 6.5, 8.5])),
        "cut": write_film(folder / "cut.mp4", clicks(2.4, [1.0], 44100), 44100, channels=2),
    }


def put(film: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(film, path)


def run(folder: Path, tmp_path: Path, expected=SMALL, **options):
    """Prepare; without other counts the small tables count as whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(omg, "EXPECTED", expected)
        return prepare(folder, tmp_path / "data", audio_dir=tmp_path / "downloads", **options)


@pytest.fixture
def fetched(tmp_path: Path, films: dict[str, Path]) -> Path:
    """Return a folder of tables with both videos, whole."""
    folder = tables(tmp_path / "omg")
    for link in LINKS:
        put(films["whole"], folder / f"videos/{link}.m4a")
    return folder


def lengths_s(sets, name: str) -> dict[str, float]:
    return {u.utterance_id: soundfile.info(u.wav).frames / 16000 for u in sets[name]}


def test_whole_videos_are_cut_and_overlaps_belong_to_the_earlier(
    fetched: Path, tmp_path: Path, caplog
):
    caplog.set_level("INFO")
    sets = run(fetched, tmp_path)
    assert lengths_s(sets, "omg_train") == {"f1f277e5d-1-001": 2.0, "f1f277e5d-1-002": 2.0}
    assert lengths_s(sets, "omg_valid") == {"f1f277e5d-2-003": 2.0, "f1f277e5d-2-004": 2.0}
    assert lengths_s(sets, "omg_test") == {"5b44393ed-001": 2.0, "5b44393ed-003": 2.0}
    for utterance in sets["omg_train"]:  # clicks at 2.5 of 1 to 3 s and at 4.5 of 3 to 5 s
        [onset, *_] = np.flatnonzero(np.abs(soundfile.read(utterance.wav)[0]) > 0.1)
        assert onset / 16000 == pytest.approx(1.5, abs=0.005)
    assert read_rejected(tmp_path / "data/omg_train") == {
        "f1f277e5d-2-005": "all but 0.100 s of it is in earlier utterances",
        "f9f9f9f9f-004": "all but 0.000 s of it is in earlier utterances",
    }
    assert "3 utterances begin before the one before them ends; these 3.9 s are left" in caplog.text
    assert "1 of 1 YouTube videos of valid are in train too" in caplog.text
    assert "passed over: 1 rows without a video" in caplog.text


def test_directories_and_a_rerun(fetched: Path, tmp_path: Path, monkeypatch):
    for name, members in run(fetched, tmp_path).items():
        path = tmp_path / "data" / name
        assert validate_data_directory(path, check_audio=True) == len(members)
    data = read_data_directory(tmp_path / "data/omg")
    names = ("utt2spk", "utt2emo", "utt2session", "utt2dialogue", "utt2lang")
    for key, expected in (
        ("f1f277e5d-2-003", ["f1f277e5d", "happy", LINKS[0], "f1f277e5d_2", "eng"]),
        ("5b44393ed-001", ["5b44393ed", "sad", LINKS[1], "5b44393ed", "eng"]),
    ):
        assert [data[name][key] for name in names] == expected
    pairs = read_table(tmp_path / "data/omg_test/pairs/reconstruction/pairs")
    assert pairs["5b44393ed-001"] == "5b44393ed-001 5b44393ed-001 5b44393ed-003"
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("downloads/omg/*.flac")}
    monkeypatch.setattr(omg, "EXPECTED", SMALL)
    command = f"omg --db {fetched} --data {tmp_path}/data --audio_dir {tmp_path}/downloads"
    main([*command.split(), "--tests", "out", "--media_dir", f"{fetched}/videos"])
    assert validate_data_directory(tmp_path / "data/omg") == 4
    run(fetched, tmp_path)
    assert len(times) == 6 and {path: path.stat().st_mtime_ns for path in times} == times


def test_without_labels_of_the_test_set(tmp_path: Path, films: dict[str, Path]):
    folder = tables(tmp_path / "omg", labels=False)
    for link in LINKS:
        put(films["whole"], folder / f"{link}.mp4")
    run(folder, tmp_path)
    labelled = [(tmp_path / "data" / name / "utt2emo").exists() for name in ("omg_train", "omg")]
    assert labelled == [True, False]
    run(tables(folder), tmp_path)  # those with labels are preferred
    assert (tmp_path / "data/omg/utt2emo").exists()


def test_files_of_the_corpus_script(tmp_path: Path, films: dict[str, Path]):
    folder = tables(tmp_path / "omg")
    media = tmp_path / "media"
    for name in ("f1f277e5d_1/utterance_1", "f1f277e5d_1/utterance_2", "f1f277e5d_2/utterance_3"):
        put(films["cut"], media / f"result/{name}.mp4")
    for name in ("5b44393ed", "f1f277e5d_2"):
        put(films["whole"], media / f"youtube_videos_temp/{name}.mp4")
    # Annotations have folders of these names, here even with files of videos in them.
    put(films["cut"], media / "DetailedAnnotation/train/f9f9f9f9f/utterance_4.mp4")
    put(films["cut"], media / "result/f1f277e5d_1/._utterance_8.mp4")
    assert set(find_media(media, Counter())) == {
        *(("f1f277e5d_1", 1), ("f1f277e5d_1", 2), ("f1f277e5d_2", 3), "5b44393ed", "f1f277e5d_2")
    }
    sets = run(folder, tmp_path, media_dir=media)
    # The second begins 0.4 s later in its own file; 4 comes from the whole video.
    assert lengths_s(sets, "omg_train") == {
        "f1f277e5d-1-001": pytest.approx(2.4, abs=0.002),
        "f1f277e5d-1-002": pytest.approx(2.0, abs=0.002),
    }
    assert set(lengths_s(sets, "omg_valid")) == {"f1f277e5d-2-003", "f1f277e5d-2-004"}
    rejected = read_rejected(tmp_path / "data/omg")
    assert rejected["f9f9f9f9f-004"] == "no video of f9f9f9f9f or https://youtu.be/AbCdEfGhIjK"


def test_dead_links_are_counted_and_are_no_error(fetched: Path, tmp_path: Path, caplog):
    caplog.set_level("INFO")
    (fetched / f"videos/{LINKS[1]}.m4a").unlink()
    write_silent_film(fetched / f"videos/{LINKS[1]}.mp4")
    with pytest.raises(ValueError, match="no utterance for omg_test; see what is missing"):
        run(fetched, tmp_path)
    lines = (tmp_path / "data/omg_attrition.tsv").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [
        [
            *("split", "utterances listed", "utterances here", "hours listed", "hours here"),
            *("links listed", "links here"),
        ],
        ["train", "2", "2", "0.00", "0.00", "1", "1"],
        ["valid", "3", "2", "0.00", "0.00", "1", "1"],
        ["test", "3", "0", "0.00", "0.00", "2", "0"],
        ["all", "8", "4", "0.00", "0.00", "2", "1"],
    ]
    assert "OMG-Emotion all: utterances listed 8, utterances here 4" in caplog.text
    (fetched / f"videos/{LINKS[1]}.mp4").unlink()
    for path in (fetched / f"videos/{link}.m4a" for link in LINKS):
        path.unlink(missing_ok=True)
        write_film(path.with_suffix(".mp4"), clicks(7.2, [1.5]))
    run(fetched, tmp_path)
    reason = read_rejected(tmp_path / "data/omg")["f1f277e5d-2-004"]
    assert reason.endswith("lasts 7.200 s, the part ends at 9.000 s")
    assert "4 of 8 utterances rejected" in caplog.text


def test_whole_tables_pass_and_a_lost_row_does_not(tmp_path: Path, caplog):
    folder = write_tables(tmp_path / "omg")
    left_out: Counter[str] = Counter()
    clips = read_clips(folder, left_out)
    assert clips == sorted(clips) and left_out == {"rows without a video": 2}
    assert len({clip.utterance_id for clip in clips}) == 5288
    found = count(clips)
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert (EXPECTED["train disgusted"], EXPECTED["valid fearful"]) == (113, 18)
    assert sum(found[f"{split} videos"] for split in ("train", "valid", "test")) == 495
    path = folder / "omg_ValidationVideos.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="616 of 617 valid utterances, 7 of 8 valid surprised; ge"):
        run(folder, tmp_path, EXPECTED)


def test_wrong_roots(fetched: Path, tmp_path: Path):
    message = "expected OMG-Emotion: omg_TrainVideos.csv and the"
    refused(prepare, fetched / "videos", tmp_path / "data", message)
    with pytest.raises(ValueError, match="none: no such folder; give the folder of the videos"):
        run(fetched, tmp_path, media_dir=tmp_path / "none")


LINK, TRAIN = LINKS[0], "omg_TrainVideos.csv"


def read(folder: Path, *lines: str, name: str = TRAIN, header: str = HEADER):
    write_csv(folder / name, lines, header)
    return read_clips(folder, Counter())


def test_rows(tmp_path: Path):
    videos = ("5b44393ed", "5b44393ed_0", "5b44393ed_10", *["5b44393ed_2"] * 4)
    lines = [
        row(f"{LINK}&t=3", f"{label}.5", "19.25", video, f"utterance_{label}.mp4", label)
        for label, video in enumerate(videos)
    ]
    lines[0] = lines[0].replace("www.youtube.com/watch?v=", "youtu.be/")
    lines[1] = lines[1].replace("watch?v=", "watch?feature=x&v=")
    clips = read(tmp_path, *lines)
    assert clips[3] == Clip(LINK, 3.5, 19.25, "5b44393ed_2", 3, "train", "happy")
    emotions = "angry disgusted fearful happy neutral sad surprised"
    assert [clip.emotion for clip in clips] == emotions.split()
    assert {(clip.speaker, clip.link) for clip in clips} == {("5b44393ed", LINK)}
    assert [clip.utterance_id for clip in clips[:4]] == [
        *("5b44393ed-000", "5b44393ed-0-001", "5b44393ed-10-002", "5b44393ed-2-003")
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (dict(link="x"), ":2: link 'https://.*v=x' is none of OMG-Emotion; fetch"),
        (dict(utterance="utt_1.mp4"), ":2: utterance 'utt_1.mp4' is none"),
        (dict(start="2"), ":2: start '2', end '1': not sec"),
        (dict(end="nan"), ":2: start '0', end 'nan': not"),
        (dict(label=7), ":2: EmotionMaxVote '7' is none"),
    ],
)
def test_malformed_rows(cells: dict, message: str, tmp_path: Path):
    good = dict(link=LINK, start="0", end="1", video="5b44393ed", utterance="utterance_1.mp4")
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, row(**{**good, "label": 4, **cells}))
    assert "\n" not in str(caught.value)


def test_malformed_tables(tmp_path: Path):
    line = row(LINK, "0", "1", "5b44393ed", "utterance_1.mp4", 4)
    with pytest.raises(ValueError, match=":3: 5b44393ed utterance_1.mp4: stands twice"):
        read(tmp_path, line, line)
    with pytest.raises(ValueError, match=f"{TRAIN}:1: column 'video' is missing; fetch the csv"):
        read(tmp_path, line, header="link,start,end")
    (tmp_path / TRAIN).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a csv in UTF-8"):
        read_clips(tmp_path, Counter())


def test_transcripts_with_line_ends_in_quotes(tmp_path: Path):
    header = "link,video,utterance,transcript"
    lines = [
        f'"{LINK}",5b44393ed_2,utterance_7.mp4,"I, ""we""\ngo"',
        f'"{LINK}",5b44393ed_2,utterance_8.mp4,""',
    ]
    write_csv(tmp_path / "omg_TrainTranscripts.csv", lines, header)
    assert read_transcripts(tmp_path) == {("5b44393ed_2", 7): 'I, "we" go'}
    lines = ['"l",5b44393ed_2,utt.mp4,"a"']
    write_csv(tmp_path / "omg_ValidationTranscripts.csv", lines, header)
    with pytest.raises(ValueError, match=r"omg_ValidationTranscripts.csv:2: utterance 'utt.mp4'"):
        read_transcripts(tmp_path)
