"""From predictions to the records of a table."""

from dataclasses import replace
from pathlib import Path

import pytest
from reference.ser_examples import fold_result, system

from espnet2_ext.metrics.ser import macro_f1, unweighted_accuracy
from espnet2_ext.metrics.statistics import Crossing, bootstrap_score
from espnet2_ext.report.records import Record, append_records
from espnet2_ext.report.render import render_results
from espnet2_ext.report.ser import SystemScores, ser_records

FOLDS = [
    # WA 3/4, UA (1 + 1/2) / 2; all right on the best epoch of the test list.
    fold_result("fold_1", "aass", "aasa", leaked="aass"),
    # WA 1/3, UA (0 + 1/2) / 2; then 2/3 and (1 + 1/2) / 2.
    fold_result("fold_2", "ass", "ssa", leaked="asa"),
]
OURS = system(FOLDS, "ours", paper_system="Prosody2Vec, 200 units")


def cells(systems: list[SystemScores], **options) -> dict[tuple[str, str], Record]:
    records = ser_records(systems, table="SER (synthetic)", commit="abc", **options)
    return {(record.row, record.metric): record for record in records}


def test_columns_by_hand() -> None:
    """Pooled: angry 2 of 3 right, sad 2 of 4; 4 are called angry, 3 sad."""
    found = {metric: record.value for (_, metric), record in cells([OURS]).items()}
    assert found == pytest.approx(
        {
            "WA": 100 * (3 / 4 + 1 / 3) / 2,
            "WA std": 100 * (3 / 4 - 1 / 3) / 2**0.5,
            "UA": 100 * (3 / 4 + 1 / 4) / 2,
            "UA std": 100 * (3 / 4 - 1 / 4) / 2**0.5,
            "pooled WA": 100 * 4 / 7,
            "pooled UA": 100 * (2 / 3 + 2 / 4) / 2,
            "macro-F1": 100 * (2 * 2 / (3 + 4) + 2 * 2 / (4 + 3)) / 2,
            "paper WA": 64.10,
            "paper UA": 65.32,
            "test-selected (leaks) WA": 100 * (1 + 2 / 3) / 2,
            "test-selected (leaks) UA": 100 * (1 + 3 / 4) / 2,
        }
    )
    assert list(found) == [
        "WA", "WA std", "UA", "UA std", "pooled WA", "pooled UA", "macro-F1", "paper WA",
        "paper UA", "test-selected (leaks) WA", "test-selected (leaks) UA",
    ]  # fmt: skip


def test_every_record_says_what_it_is() -> None:
    for (_, metric), record in cells([OURS]).items():
        assert (record.table, record.unit, record.commit) == ("SER (synthetic)", "%", "abc")
        assert record.protocol == OURS.protocol_text()
        assert record.definition.endswith(".")
        assert record.n == (5531 if metric.startswith("paper") else 7)
        assert record.better == ("" if "std" in metric or "leaks" in metric else "higher")
    assert "not a result" in cells([OURS])["ours", "test-selected (leaks) UA"].definition


def test_intervals_are_those_of_the_pooled_scores() -> None:
    found = cells([OURS])
    for metric, score in (("pooled UA", unweighted_accuracy), ("macro-F1", macro_f1)):
        low, high = bootstrap_score(OURS.groups()[0], score)
        record = found["ours", metric]
        assert (record.low, record.high) == pytest.approx((100 * low, 100 * high))
        assert "bootstrap over utterances" in record.definition
    assert found["ours", "WA"].low is None


def test_intervals_over_speakers_say_so() -> None:
    speakers = {utterance: utterance[-1] for fold in FOLDS for utterance in fold.labels}
    record = cells([OURS], utt2spk=speakers)["ours", "pooled UA"]
    low, high = bootstrap_score(OURS.groups(speakers)[0], unweighted_accuracy)
    assert (record.low, record.high) == pytest.approx((100 * low, 100 * high))
    assert record.definition.endswith("bootstrap over speakers.")
    with pytest.raises(ValueError, match="ours: .*have no speaker"):
        cells([OURS], utt2spk={})


def test_intervals_over_speakers_and_sentences_say_so() -> None:
    utterances = sorted(utterance for fold in FOLDS for utterance in fold.labels)
    speakers = {utterance: utterance[-1] for utterance in utterances}
    texts = {utterance: utterance[:-2] for utterance in utterances}
    record = cells([OURS], utt2spk=speakers, texts=texts)["ours", "pooled UA"]
    shared = Crossing([name[-1] for name in utterances], [name[:-2] for name in utterances])
    low, high = bootstrap_score(OURS.groups()[0], unweighted_accuracy, crossing=shared)
    assert (record.low, record.high) == pytest.approx((100 * low, 100 * high))
    assert record.definition.endswith("bootstrap over speakers and sentences.")
    assert record.drawn == shared.text() == "4 speakers and 2 sentences"
    assert cells([OURS], utt2spk=speakers)["ours", "pooled UA"].drawn == "4 speakers"
    assert cells([OURS])["ours", "pooled UA"].drawn == "7 utterances"
    with pytest.raises(ValueError, match="ours: .*have no speaker"):
        cells([OURS], utt2spk={}, texts=texts)


def test_a_row_has_only_what_it_can_have() -> None:
    """One fold and seed has no spread; nothing leaked; FBANK has no UA in the paper."""
    single = system([fold_result("fold_1", "as", "as")], "one", paper_system="FBANK")
    assert [metric for _, metric in cells([single])] == [
        "WA", "UA", "pooled WA", "pooled UA", "macro-F1", "paper WA"
    ]  # fmt: skip
    elsewhere = replace(single, protocol="lospko")
    assert ("one", "paper WA") not in cells([elsewhere])
    assert ("one", "paper WA") not in cells([replace(single, paper_system=None)])


def test_seeds_count_as_folds_do_but_not_as_utterances() -> None:
    folds = [fold_result("f", "as", guess, seed=seed) for seed, guess in enumerate(("as", "aa"))]
    found = cells([system(folds, "two seeds")])
    assert found["two seeds", "WA"].value == 75.0
    assert found["two seeds", "WA std"].value == pytest.approx(50 / 2**0.5)
    assert found["two seeds", "WA"].n == 2


def test_rows_share_columns_in_a_page(tmp_path: Path) -> None:
    other = system([fold_result("fold_1", "aass", "aass")], "other")
    records = ser_records([OURS, other], table="SER (synthetic)", commit="abc")
    append_records(tmp_path / "results.jsonl", records)
    render_results(tmp_path / "results.jsonl", tmp_path / "RESULTS.md")
    lines = (tmp_path / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    header = next(line for line in lines if "macro-F1" in line)
    assert header.startswith("|  | n | WA ↑ (%) | WA std (%) | UA ↑ (%) | UA std (%) | pooled WA ↑")
    assert "test-selected (leaks) WA (%)" in header
    row = next(line for line in lines if line.startswith("| other"))
    assert row.startswith("| other (2) | 4 | 100.0 | – | 100.0 | – | 100.0 |")
    assert any("Protocol: loso; 2 folds (fold_1 fold_101, fold_2" in line for line in lines)


def test_refuses_two_rows_of_one_name() -> None:
    with pytest.raises(ValueError, match="SER .synthetic.: ours: two systems of one name"):
        cells([OURS, OURS])


def test_refuses_a_system_that_the_paper_does_not_know() -> None:
    with pytest.raises(ValueError, match="no system of .P2V. Tables IV to VI"):
        cells([replace(OURS, paper_system="mine")])
