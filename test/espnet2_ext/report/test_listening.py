"""Records and figures of a listening test."""

import json
from pathlib import Path

from espnet2_ext.listening.design import ListeningTest, Trial, write_key
from espnet2_ext.listening.manifest import EMOTION, SIMILARITY
from espnet2_ext.listening.results import Answer, ListenerResult
from espnet2_ext.report.listening import (
    agreement_records,
    report_listening,
    write_answers,
)
from espnet2_ext.report.records import Record, append_records, read_records
from espnet2_ext.report.render import render_results


def make_listening_test() -> ListeningTest:
    """Return 1 similarity and 1 emotion trial of one system, for 2 listeners."""
    trials = [
        Trial("t1", SIMILARITY, "test", "ours (β)", "sad", "i", "a.wav", "r.wav", ()),
        Trial("t2", EMOTION, "test", "ours (β)", "sad", "i", "a.wav", "", ()),
    ]
    return ListeningTest(
        title="Emotions",
        emotions=("angry", "sad"),
        systems=("ours (β)",),
        systems_per_item="all",
        seed=0,
        trials={trial.trial_id: trial for trial in trials},
        orders=(("t1", "t2"), ("t2", "t1")),
    )


def make_results(test: ListeningTest, *answers: tuple[str, str]) -> list[ListenerResult]:
    results = []
    for number, pair in enumerate(answers, start=1):
        trials = zip(test.trials.values(), pair)
        given = [Answer(t, answer, int(bool(t.reference)), 1, 2.0) for t, answer in trials]
        results.append(ListenerResult(f"{number}.json", number, tuple(given)))
    return results


def hand_in(folder: Path, test: ListeningTest, listener: int, answers: dict[str, str]) -> None:
    rows = [
        {"trial": n, "answer": answers[n], "plays_reference": 1, "plays_audio": 1, "seconds": 1}
        for n in test.orders[listener - 1]
    ]
    content = {"format": 1, "test": test.digest, "listener": listener, "answers": rows}
    folder.mkdir(exist_ok=True)
    (folder / f"{listener}.json").write_text(json.dumps(content))


def test_from_files_to_a_page(tmp_path: Path) -> None:
    test = make_listening_test()
    write_key(tmp_path / "key.json", test)
    hand_in(tmp_path / "in", test, 1, {"t1": "2", "t2": "sad"})
    hand_in(tmp_path / "in", test, 2, {"t1": "1", "t2": "angry"})
    (tmp_path / "in" / "x.json").write_text("{}")
    results_path = tmp_path / "exp" / "results.jsonl"
    old = Record("Heard (synthetic)", "gone", "emotion similarity", 1.0, "", 1, "", "", "")
    append_records(results_path, [old])
    report_listening(
        tmp_path / "key.json",
        tmp_path / "in",
        tmp_path / "exp" / "listening",
        results_path,
        table="Heard (synthetic)",
        protocol="two friends",
    )
    records = read_records(results_path)
    found = {(r.table, r.row, r.metric): r for r in records}
    assert "gone" not in {r.row for r in records}
    mean = found["Heard (synthetic)", "ours (β)", "emotion similarity"]
    assert mean.drawn == "2 listeners and 1 item (not drawn)"
    assert (mean.value, mean.low, mean.high, mean.n, mean.better) == (1.5, 1.0, 2.0, 2, "higher")
    assert mean.protocol == (
        f"two friends; test {test.digest}, 2 listeners, 1 files left out, each item by all of 1 "
        "systems for a listener"
    )
    right = found["Heard (synthetic)", "ours (β), sad", "emotion recognised"]
    assert (right.value, right.unit, right.n) == (0.5, "share", 2)
    share = found["Heard (synthetic), answers", "ours (β), sad", "similarity +1"]
    assert (share.value, share.n) == (0.5, 2)
    assert found["Heard (synthetic), answers", "ours (β)", "heard as angry"].value == 0.5
    # Of two values that never agree: 1 - 1 / (2 * 1 * 1 / (2 * 1)) = 0.
    alpha = found["Heard (synthetic), agreement", "emotion recognised", "alpha"]
    assert (alpha.value, alpha.n) == (0.0, 2)
    figures = [r for r in records if r.table.endswith("figures")]
    assert [r.value for r in figures] == ["listening/similarity.png", "listening/emotion_ours_.png"]
    for record in figures:
        assert (tmp_path / "exp" / str(record.value)).stat().st_size > 0
    excluded = (tmp_path / "exp/listening/excluded.tsv").read_text()
    assert excluded == f"{tmp_path / 'in' / 'x.json'}\tnot a file that the page saves\n"
    render_results(results_path, tmp_path / "exp" / "RESULTS.md")
    page = (tmp_path / "exp" / "RESULTS.md").read_text()
    assert "| ours (β) | 2 | 1.500 [1.000, 2.000] | 0.500 [0.000, 1.000] |" in page
    assert "![figure of similarity](listening/similarity.png)" in page


def test_no_agreement_of_one_listener_and_none_defined_where_all_say_the_same() -> None:
    test, options = make_listening_test(), ("T", "p", "")
    one, two = (make_results(test, *[("2", "sad")] * number) for number in (1, 2))
    assert agreement_records(one, test, *options) == []
    assert [(r.row, r.value, r.n) for r in agreement_records(two, test, *options)] == [
        ("emotion similarity", "undefined", 2),
        ("emotion recognised", "undefined", 2),
    ]


def test_answers_are_written_for_other_statistics(tmp_path: Path) -> None:
    write_answers(tmp_path / "answers.tsv", make_results(make_listening_test(), ("2", "sad")))
    header, first, second = (tmp_path / "answers.tsv").read_text().splitlines()
    assert header.split("\t")[:4] == ["listener", "place", "trial", "kind"]
    assert first == "1\t1\tt1\tsimilarity\ttest\tours (β)\tsad\ti\t2\t1\t1\t2.0"
    assert len(second.split("\t")) == len(header.split("\t"))
