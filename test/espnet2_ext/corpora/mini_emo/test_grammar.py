import re
from collections import Counter

import pytest

from espnet2_ext.corpora.mini_emo.grammar import (
    GERMAN,
    GermanGrammar,
    SentenceGrammar,
    count_syllables,
)


@pytest.mark.parametrize(("grammar", "length"), [(SentenceGrammar, (11, 18)), (GermanGrammar, ())])
def test_the_seed_alone_counts_and_no_sentence_comes_twice(grammar, length):
    first = grammar(3).draw(300, *length)
    assert grammar(3).draw(300, *length) == first
    assert grammar(4).draw(300, *length) != first
    own = grammar(0)
    sentences = own.draw(400, *length) + own.draw(200, *(each - 3 for each in length))
    assert len(set(sentences)) == 600
    with pytest.raises(ValueError, match="only 0 of 5 new sentences of this length; ask for fewer"):
        own.draw(5, 1, 2)


def test_sentences_are_well_formed_and_varied():
    sentences = SentenceGrammar(0).draw(2000, 11, 18)
    assert all(re.fullmatch(r"[A-Z][a-zA-Z', ]+\.", sentence) for sentence in sentences)
    assert all(11 <= count_syllables(sentence) <= 18 for sentence in sentences)
    assert not any(re.search(r"\ba [aeio]|\ban [^aeio]", sentence) for sentence in sentences)
    words = Counter(re.findall("[a-z]+", " ".join(sentences).lower()))
    assert len(words) > 450
    assert not any(re.search(r"\b[A-Z]{2,}\b", sentence) for sentence in sentences)
    by_hand = ("Five geese slept.", "The yellow table.", "A few apples.")
    assert [count_syllables(sentence) for sentence in by_hand] == [3, 4, 4]


def test_german_sentences_follow_gender_and_case():
    """Things are objects, people subjects: of the masculine alone the accusative differs."""
    expected = {}
    for nouns, articles in (
        (GERMAN["people"], ("der", "die", "das")),
        (GERMAN["things"], ("den", "die", "das")),
    ):
        for gender, article in zip("mfn", articles, strict=True):
            expected |= dict.fromkeys(nouns[gender], article)
    seen = set()
    for sentence in GermanGrammar(0).draw(500):
        assert re.fullmatch(r"[A-ZÄÖÜ][a-zA-ZäöüÄÖÜß ]+\.", sentence)
        assert not re.search("[A-Z]{2}", sentence)
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
