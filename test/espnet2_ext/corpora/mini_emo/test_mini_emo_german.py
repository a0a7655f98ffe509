import re

import pytest

from espnet2_ext.corpora.mini_emo.grammar import GERMAN_PEOPLE as PEOPLE
from espnet2_ext.corpora.mini_emo.grammar import GERMAN_THINGS as THINGS
from espnet2_ext.corpora.mini_emo.grammar import GermanGrammar


def test_same_seed_gives_the_same_sentences_and_none_twice():
    first = GermanGrammar(1).draw(300)
    assert GermanGrammar(1).draw(300) == first
    assert GermanGrammar(2).draw(300) != first
    grammar = GermanGrammar(0)
    both = grammar.draw(200) + grammar.draw(200)
    assert len(set(both)) == 400


def test_sentences_are_well_formed():
    sentences = GermanGrammar(0).draw(500)
    assert all(re.fullmatch(r"[A-ZÄÖÜ][a-zA-ZäöüÄÖÜß ]+\.", sentence) for sentence in sentences)
    assert not any(re.search("[A-Z]{2}", sentence) for sentence in sentences)


def test_articles_and_endings_follow_gender_and_case():
    """Things are objects, people subjects: of the masculine alone the accusative differs."""
    expected = {}
    for nouns, articles in ((PEOPLE, ("der", "die", "das")), (THINGS, ("den", "die", "das"))):
        for gender, article in zip("mfn", articles, strict=True):
            expected |= dict.fromkeys(nouns[gender], article)
    seen = set()
    for sentence in GermanGrammar(0).draw(500):
        for article, quality, noun in re.findall(
            r"\b([Dd](?:er|en|ie|as)) (?:([a-zäöüß]+) )?([A-ZÄÖÜ]\w+)", sentence
        ):
            if noun not in expected:  # a place
                continue
            assert article.lower() == expected[noun], sentence
            if quality:
                assert quality.endswith("en" if expected[noun] == "den" else "e"), sentence
            seen.add(noun)
    assert len(seen) > 50


def test_running_out_of_sentences_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(GermanGrammar, "_sentence", lambda self: "Der Koch wartet.")
    with pytest.raises(ValueError, match="only 1 of 3 new German sentences; ask for fewer"):
        GermanGrammar(0).draw(3)
