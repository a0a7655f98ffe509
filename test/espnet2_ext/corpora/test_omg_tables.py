"""The csv files of OMG-Emotion: syntax, defects and counts."""

from collections import Counter
from pathlib import Path

import pytest
from reference.omg_copy import HEADER, row, write_csv, write_tables

from espnet2_ext.corpora.omg import EXPECTED, count, read_clips, read_transcripts

LINK = "AbCdEfGhIjK"
TRAIN = "omg_TrainVideos.csv"


def read(folder: Path, *lines: str, name: str = TRAIN, header: str = HEADER):
    write_csv(folder / name, lines, header)
    return read_clips(folder, Counter())


def test_whole_tables(tmp_path: Path):
    left_out: Counter[str] = Counter()
    clips = read_clips(write_tables(tmp_path), left_out)
    assert len(clips) == len({clip.utterance_id for clip in clips}) == 5288
    found = count(clips)
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert (EXPECTED["train disgusted"], EXPECTED["valid fearful"]) == (113, 18)
    assert sum(found[f"{split} videos"] for split in ("train", "valid", "test")) == 495
    assert left_out == {"rows without a video": 2}
    assert clips == sorted(clips)
    assert all(clip.utterance_id.startswith(f"{clip.speaker}-") for clip in clips)


def test_a_row(tmp_path: Path):
    [clip] = read(tmp_path, row(LINK, "12.5", "19.25", "5b44393ed_2", "utterance_7.mp4", 4))
    assert (clip.link, clip.start_s, clip.stop_s) == (LINK, 12.5, 19.25)
    assert (clip.utterance_id, clip.speaker) == ("5b44393ed-2-007", "5b44393ed")
    assert (clip.emotion, clip.split) == ("neutral", "train")


@pytest.mark.parametrize(
    ("label", "emotion"),
    list(enumerate(("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"))),
)
def test_labels(label: int, emotion: str, tmp_path: Path):
    [clip] = read(tmp_path, row(LINK, "0", "1", "d1dae148e", "utterance_1.mp4", label))
    assert clip.emotion == emotion


@pytest.mark.parametrize(
    "link",
    [
        "https://www.youtube.com/watch?v=-_CdEfGhIjK",
        "https://www.youtube.com/watch?feature=x&v=-_CdEfGhIjK&t=3",
        "https://youtu.be/-_CdEfGhIjK",
    ],
)
def test_links(link: str, tmp_path: Path):
    [clip] = read(tmp_path, f"{link},0,1,d1dae148e,utterance_1.mp4,0,0,4")
    assert clip.link == "-_CdEfGhIjK"


def test_the_test_set_with_five_columns_and_a_blank(tmp_path: Path):
    [clip] = read(
        tmp_path,
        row(LINK, "0", "9.8", "d1dae148e", "utterance_1.mp4 ", None),
        name="omg_TestVideos_WithoutLabels.csv",
        header="link,start,end,video,utterance",
    )
    assert (clip.utterance_id, clip.emotion, clip.split) == ("d1dae148e-001", None, "test")
    # With labels is preferred where both are there.
    [clip] = read(
        tmp_path,
        row(LINK, "0", "9.8", "d1dae148e", "utterance_1.mp4", 5),
        name="omg_TestVideos_WithLabels.csv",
    )
    assert clip.emotion == "sad"


def test_a_video_without_a_number_is_not_number_zero(tmp_path: Path):
    clips = read(
        tmp_path,
        *(
            row(LINK, f"{start}", f"{start + 1}", video, "utterance_1.mp4", 4)
            for start, video in enumerate(("5b44393ed", "5b44393ed_0", "5b44393ed_10"))
        ),
    )
    assert [clip.utterance_id for clip in clips] == [
        "5b44393ed-001",
        "5b44393ed-0-001",
        "5b44393ed-10-001",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("https://example.org,0,1,5b44393ed,utterance_1.mp4,0,0,4", ":2: link .* YouTube id of 11"),
        (row(LINK, "0", "1", "5b44393e", "utterance_1.mp4", 4), ":2: video '5b44393e' is not nine"),
        (row(LINK, "0", "1", "5b44393ed", "utt_1.mp4", 4), ":2: utterance 'utt_1.mp4' is not utt"),
        (row(LINK, "2", "1", "5b44393ed", "utterance_1.mp4", 4), ":2: start '2', end '1': not sec"),
        (
            row(LINK, "", "1", "5b44393ed", "utterance_1.mp4", 4),
            ":2: start '', end '1': not sec",
        ),
        (row(LINK, "0", "nan", "5b44393ed", "utterance_1.mp4", 4), ":2: start '0', end 'nan': not"),
        (row(LINK, "0", "1", "5b44393ed", "utterance_1.mp4", 7), ":2: EmotionMaxVote '7' is not 0"),
    ],
)
def test_malformed_rows(line: str, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, line)
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
    write_csv(
        tmp_path / "omg_TrainTranscripts.csv",
        [
            f'"https://www.youtube.com/watch?v={LINK}",5b44393ed_2,utterance_7.mp4,"I, ""we""\ngo"',
            f'"https://www.youtube.com/watch?v={LINK}",5b44393ed_2,utterance_8.mp4,""',
        ],
        "link,video,utterance,transcript",
    )
    assert read_transcripts(tmp_path) == {("5b44393ed_2", 7): 'I, "we" go'}
    write_csv(
        tmp_path / "omg_ValidationTranscripts.csv",
        ['"l",5b44393ed_2,utt.mp4,"a"'],
        "link,video,utterance,transcript",
    )
    with pytest.raises(ValueError, match=r"omg_ValidationTranscripts.csv:2: utterance 'utt.mp4'"):
        read_transcripts(tmp_path)
