"""The catalogue of corpora: an entry for each parser, and no other numbers than the parsers'."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from espnet2_ext import bin as commands
from espnet2_ext import corpora
from espnet2_ext.corpora import crema_d as crema_d_clips
from espnet2_ext.corpora import emov_db as emov_db_names
from espnet2_ext.corpora import esd as esd_counts
from espnet2_ext.corpora.catalogue import CORPORA, Corpus, corpus_of

PACKAGE = Path(corpora.__file__).parent
COMMANDS = Path(commands.__file__).parent


def parsers() -> list[str]:
    """Return the names of the modules that prepare a corpus for a command."""
    names = [path.stem.removeprefix("prepare_") for path in COMMANDS.glob("prepare_*.py")]
    return sorted(name for name in names if source(name).is_file())


def source(name: str) -> Path:
    """Return the file that reads a corpus; the generated one is a folder."""
    file = PACKAGE / f"{name}.py"
    return file if file.is_file() else PACKAGE / name / "prepare.py"


def docstring(name: str) -> str:
    return ast.get_docstring(ast.parse(source(name).read_text())) or ""


def test_every_parser_has_an_entry_and_every_entry_a_parser():
    assert len(parsers()) >= len(CORPORA)
    assert {corpus_of(name) for name in parsers()} == set(CORPORA)
    assert set(CORPORA) <= set(parsers())


def test_the_longest_name_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CORPORA, "emodb_style", CORPORA["emodb"])
    assert corpus_of("emodb_style") == "emodb_style"
    assert corpus_of("emodb") == "emodb"


@pytest.mark.parametrize("module", ["no_such", "emodbs", ""])
def test_unknown_parser(module: str):
    with pytest.raises(ValueError, match="not in espnet2_ext/corpora/catalogue.py; add an entry"):
        corpus_of(module)


@pytest.mark.parametrize("name", [name for name, each in CORPORA.items() if each.hours])
def test_sizes_are_those_of_the_parser_that_explains_them(name: str):
    corpus, text = CORPORA[name], docstring(name)
    assert f"{corpus.hours:g}" in text
    if "utterances" not in corpus.unconfirmed:
        assert f"{corpus.utterances:,}" in text or str(corpus.utterances) in text


def test_sizes_are_those_that_the_parsers_compare():
    assert CORPORA["crema_d"].utterances == len(crema_d_clips.expected_clips())
    assert CORPORA["emov_db"].utterances == sum(emov_db_names.FILES.values())
    assert CORPORA["esd"].hours == esd_counts.HOURS_OF_ALL


def test_unconfirmed_are_names_of_facts_and_cells_hold_no_bars():
    names = {field.name for field in fields(Corpus)} - {"unconfirmed", "size_note", "is_video"}
    for corpus in CORPORA.values():
        assert set(corpus.unconfirmed) <= names
        assert (corpus.utterances is None) == (corpus.hours is None)
        assert not any("|" in value for value in vars(corpus).values() if isinstance(value, str))
