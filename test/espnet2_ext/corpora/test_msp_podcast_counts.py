"""Which release of MSP-PODCAST a copy is, and the published counts of each."""

from pathlib import Path

import pytest
from reference.msp_podcast_copy import CLASSES_1_8

from espnet2_ext.corpora.copies import self_check
from espnet2_ext.corpora.msp_podcast import (
    COUNTS,
    EMOTIONS,
    PARTITIONS,
    Release,
    Row,
    has_unlabelled_test,
    release_of,
    select,
)


@pytest.mark.parametrize(
    ("folder", "wavs", "rows", "release"),
    [
        ("/data/MSP-PODCAST-Publish-1.12", 1, 1, "1.12"),
        ("/data/MSP_Podcast_v1.7/data", 1, 1, "1.7"),
        ("/data/Emo-challenge-odyssey", 1, 1, "odyssey"),
        ("/data/podcast", 73042, 73042, "1.8"),
        ("/data/podcast", 151654, 149307, "1.11"),
        ("/data/podcast", 1, 264705, "2.0"),
        ("/data/1.8 or 1.11", 207136, 203936, "1.12"),
        ("/data/podcast-10.8.2024", 119421, 116221, "odyssey"),
    ],
)
def test_release_by_name_and_by_counts(folder: str, wavs: int, rows: int, release: str):
    assert release_of(Path(folder), wavs, rows) == release


def test_release_that_nothing_tells():
    with pytest.raises(ValueError, match="/podcast: neither the folder's name nor 3 wavs and 2 l"):
        release_of(Path("/data/podcast"), 3, 2)


def test_unlabelled_test_since_1_11():
    assert [has_unlabelled_test(r) for r in ("1.8", "1.10", "1.11", "2.0", "odyssey")] == [
        *(False, False, True, True, True)
    ]


def test_published_counts_add_up():
    for release in ("1.11", "1.12", "odyssey"):
        counts = dict(COUNTS[release])
        assert counts.pop("utterances") == sum(counts.values()), release
    classes = {EMOTIONS[label]: number for label, number in CLASSES_1_8.items()}
    assert classes == {name: COUNTS["1.8"][name] for name in EMOTIONS.values()}
    assert sum(classes.values()) == COUNTS["1.8"]["utterances"]
    assert COUNTS["2.0"]["utterances"] - COUNTS["2.0"]["with labels"] == 3200


@pytest.mark.parametrize("lacking", ["", "Development", "Test3"])
def test_whole_1_11_and_one_utterance_less(lacking: str):
    release = Release(Path("/db"), Path("/db/Audios"))
    number = 0
    for partition in PARTITIONS:
        for _ in range(COUNTS["1.11"][partition] - (partition == lacking)):
            name = f"MSP-PODCAST_{number // 100:04d}_{number % 100:04d}.wav"
            number += 1
            release.sizes[name] = 32044
            if partition != "Test3":
                release.rows[name] = Row("N", number % 1409, partition)
    selection = select(release, "1.11", tests="out", unknown_speakers="alone")
    arguments = ("/db", "MSP-PODCAST 1.11", COUNTS["1.11"], selection.found, selection.faults)
    if not lacking:
        self_check(*arguments)
        assert len(selection.kept) == 84030 + 19815
        assert selection.hours == pytest.approx((84030 + 19815) / 3600)
        return
    wanted = COUNTS["1.11"][lacking]
    message = f"151653 of 151654 utterances, {wanted - 1} of {wanted} {lacking}; get the missing"
    with pytest.raises(ValueError, match=message):
        self_check(*arguments)
