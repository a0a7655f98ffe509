"""The catalogue of corpora: an entry for each parser, and no other numbers than the parsers'."""

import inspect
from dataclasses import fields

import pytest

from espnet2_ext.bin.prepare import commands
from espnet2_ext.corpora import crema_d as crema_d_clips
from espnet2_ext.corpora import emov_db as emov_db_names
from espnet2_ext.corpora import esd as esd_counts
from espnet2_ext.corpora.catalogue import CORPORA, Corpus, corpus_of

COMMANDS = commands().keys() - {"download", "split"}


def test_every_command_has_an_entry_and_every_entry_a_command():
    assert {corpus_of(name) for name in COMMANDS} == set(CORPORA) <= COMMANDS


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
    corpus = CORPORA[name]
    text = inspect.getdoc(inspect.getmodule(commands()[name])) or ""
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
