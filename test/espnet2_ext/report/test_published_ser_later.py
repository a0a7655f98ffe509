"""What others print."""

from espnet2_ext.report.published import (
    EMOBOX,
    OTHER,
    PAPER,
    PUBLISHED,
    SESSION_OUT,
    published_records,
)


def test_the_paper_stands_first_and_nothing_twice() -> None:
    assert PUBLISHED[: len(PAPER)] == PAPER
    keys = [(s.system, s.protocol, s.source, s.note) for s in PUBLISHED]
    assert len(set(keys)) == len(keys)


def test_what_was_chosen_on_the_test_list_or_split_otherwise_is_kept_apart() -> None:
    """The highest figures are of such kind; each says why it does not compare."""
    other = [score for score in PUBLISHED if score.protocol == OTHER]
    assert all(score.note for score in other)
    comparable = [score.wa for score in PUBLISHED if score.protocol != OTHER and score.wa]
    assert max(comparable) == 73.74
    assert sum("test fold" in score.note for score in other) == 2


def test_records_of_one_protocol_with_their_sources() -> None:
    records = published_records([EMOBOX], table="T")
    cells = {(record.row, record.metric): record for record in records}
    whisper = cells["Whisper large v3, frozen", "published UA"]
    assert (whisper.value, whisper.unit, whisper.n) == (73.54, "%", 5531)
    assert whisper.protocol == "EmoBox's repository, docs/intra-corpus.jpg"
    assert cells["Whisper large v3, frozen", "published macro-F1"].value == 73.11
    assert ("HuBERT base, frozen", "published macro-F1") not in cells
    assert len({record.row for record in records}) == 4
    assert {record.table for record in records} == {"T"}


def test_notes_are_part_of_the_protocol() -> None:
    records = {record.row: record for record in published_records([OTHER], table="T")}
    espnet = records["ESPnet HuBERT large, emotion with transcript"]
    assert espnet.protocol.endswith("README.md: session 5 alone, happy without excited")
    assert espnet.n == 941


def test_the_same_row_of_two_tables_keeps_two_records() -> None:
    records = published_records([SESSION_OUT], table="T")
    keys = [record.key for record in records]
    assert len(set(keys)) == len(keys)
    fused = [r.value for r in records if r.row == "HuBERT large + Prosody2Vec, 200 units"]
    assert fused == [72.42, 72.42, 73.25]
