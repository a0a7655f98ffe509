"""Sentences of the mini_emo corpus, drawn from a grammar of our own.

``grammar.yaml`` has about 520 everyday English words that name no feeling, so that emotion is in
the voice only, with every phoneme in several of them; and German ones for the cross-lingual
references. All sentences are statements: a question's final rise would mix with the emotions.
"""

import math
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

_LEXICON = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
ENGLISH: Mapping[str, Sequence[str]] = _LEXICON["english"]
GERMAN: Mapping[str, Any] = _LEXICON["german"]
# Nominative and accusative by gender.
GERMAN_ARTICLES = {"m": ("der", "den"), "f": ("die", "die"), "n": ("das", "das")}


class _Grammar:
    name: str
    patterns: Sequence[str]

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(f"mini_emo {self.name} {seed}")
        self._seen: set[str] = set()

    def draw(
        self, count: int, min_syllables: int = 0, max_syllables: float = math.inf
    ) -> list[str]:
        """Return different sentences of that length, new to this grammar; ValueError for none."""
        sentences: list[str] = []
        failures = 0
        while len(sentences) < count:
            sentence = self._sentence()
            fits = min_syllables <= count_syllables(sentence) <= max_syllables
            if fits and sentence not in self._seen:
                self._seen.add(sentence)
                sentences.append(sentence)
                continue
            failures += 1
            if failures > 1000 + 100 * count:
                raise ValueError(
                    f"mini_emo: only {len(sentences)} of {count} new sentences of this length; "
                    "ask for fewer"
                )
        return sentences

    def _sentence(self) -> str:
        pattern = self._random.choice(self.patterns)
        words = re.sub("[A-Z]{2,}", lambda slot: self._fill(slot.group()), pattern)
        words = re.sub(r"\ba (?=[aeio])", "an ", words)
        return words[0].upper() + words[1:] + "."

    def _fill(self, slot: str) -> str:
        raise NotImplementedError  # each language has its own

    def _maybe(self, share: float, words: Sequence[str]) -> list[str]:
        return [self._random.choice(words)] if self._random.random() < share else []


class SentenceGrammar(_Grammar):
    """English sentences."""

    name = "sentences"
    patterns = ENGLISH["patterns"]

    def _fill(self, slot: str) -> str:
        if slot == "PERSON":
            return self._phrase("determiners", 0.6, "person_qualities", "people")
        if slot == "PLACE":
            return f"{self._pick('place_relations')} the {self._pick('places')}"
        if slot == "THING" and self._random.random() < 0.2:
            return self._phrase("numbers", 0.7, "thing_qualities", "plurals")
        if slot in ("THING", "SINGLE"):
            return self._phrase("thing_determiners", 0.7, "thing_qualities", "things")
        return self._pick(f"{slot.lower()}s")

    def _phrase(self, determiners: str, share: float, qualities: str, nouns: str) -> str:
        determiner = self._pick(determiners)
        return " ".join([determiner, *self._maybe(share, ENGLISH[qualities]), self._pick(nouns)])

    def _pick(self, words: str) -> str:
        return self._random.choice(ENGLISH[words])


class GermanGrammar(_Grammar):
    """German sentences; after definite articles, endings depend on gender and case alone."""

    name = "german"
    patterns = GERMAN["patterns"]

    def _fill(self, slot: str) -> str:
        if slot == "PERSON":
            return self._noun(GERMAN["people"], GERMAN["person_qualities"], 0.6, is_object=False)
        if slot == "THING":
            return self._noun(GERMAN["things"], GERMAN["thing_qualities"], 0.8, is_object=True)
        return self._random.choice(GERMAN[f"{slot.lower()}s"])

    def _noun(
        self, nouns: Mapping[str, list[str]], qualities: list[str], share: float, *, is_object: bool
    ) -> str:
        """Return article, mostly an adjective, and noun in nominative or accusative."""
        gender, noun = self._random.choice([(g, n) for g, each in nouns.items() for n in each])
        ending = "en" if is_object and gender == "m" else "e"
        quality = [word + ending for word in self._maybe(share, qualities)]
        return " ".join([GERMAN_ARTICLES[gender][is_object], *quality, noun])


def count_syllables(sentence: str) -> int:
    """Return about how many syllables the sentence has: vowel groups but for a silent e."""
    words = re.findall("[a-z]+", re.sub("[^a-z ]", "", sentence.lower()))
    return sum(max(1, len(re.findall("[aeiouy]+", re.sub("e$", "", word)))) for word in words)
