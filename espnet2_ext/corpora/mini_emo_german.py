"""German sentences for the cross-lingual references of mini_emo, from a small grammar of our own.

All are statements in the present tense with the verb in second place, of words that name no
feeling, as the English ones (``mini_emo_grammar.py``). Only definite articles stand before
adjectives, so that endings follow from gender and case alone.
"""

import random

from espnet2_ext.corpora.mini_emo_grammar import phrases

ARTICLES = {"m": ("der", "den"), "f": ("die", "die"), "n": ("das", "das")}
"""Nominative and accusative by gender."""
PEOPLE = {
    "m": "Bauer Lehrer Arzt Nachbar Bäcker Gärtner Maler Schüler Pilot Fischer Koch".split(),
    "f": "Lehrerin Ärztin Nachbarin Schwester Tante Freundin Köchin Sängerin Mutter".split(),
    "n": "Kind Mädchen".split(),
}
PERSON_QUALITIES = "alt jung klein groß klug fleißig neu bekannt höflich ruhig".split()
THINGS = {
    "m": "Tisch Stuhl Koffer Brief Schlüssel Apfel Hut Mantel Löffel Teppich Spiegel".split(),
    "f": "Lampe Tasche Jacke Flasche Uhr Zeitung Gitarre Kiste Decke Leiter".split(),
    "n": "Fenster Buch Fahrrad Bild Brot Messer Hemd Glas Radio Paket".split(),
}
THING_QUALITIES = "neu alt groß klein schwer leicht rot blau grün gelb rund breit weiß".split()
VERBS = """
    kauft malt sucht findet trägt putzt zeigt bringt holt verkauft repariert beschreibt
    vergleicht verliert benutzt prüft bemerkt
""".split()
MOTIONS = "wartet arbeitet sitzt steht liest singt schläft tanzt lernt".split()
TIMES = phrases("""
    am Morgen|am Abend|im Sommer|im Winter|nach der Pause|vor dem Essen|jeden Dienstag
    um fünf Uhr|heute Nachmittag|zweimal in der Woche|kurz nach Mitternacht|schon wieder
""")
PLACES = phrases("""
    in der Küche|auf dem Markt|hinter dem Haus|neben der Kirche|im Garten|am Bahnhof
    unter der Brücke|vor dem Museum|in der Schule|am Hafen|im Büro|auf dem Feld
""")
PATTERNS = phrases("""
    PERSON VERB TIME THING|TIME VERB PERSON THING|PERSON VERB PLACE THING
    PLACE VERB PERSON THING|PERSON MOTION TIME PLACE|TIME MOTION PERSON PLACE
""")


class GermanGrammar:
    """Draws German sentences and gives none twice."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(f"mini_emo german {seed}")
        self._seen: set[str] = set()

    def draw(self, count: int) -> list[str]:
        """Return ``count`` different sentences, all new to this grammar.

        Raises:
            ValueError: sentences ran out; the message says how many came.
        """
        sentences: list[str] = []
        for _ in range(1000 + 100 * count):
            if len(sentences) == count:
                break
            sentence = self._sentence()
            if sentence not in self._seen:
                self._seen.add(sentence)
                sentences.append(sentence)
        if len(sentences) < count:
            raise ValueError(
                f"mini_emo: only {len(sentences)} of {count} new German sentences; ask for fewer"
            )
        return sentences

    def _sentence(self) -> str:
        words = " ".join(self._fill(slot) for slot in self._random.choice(PATTERNS).split())
        return words[0].upper() + words[1:] + "."

    def _fill(self, slot: str) -> str:
        if slot == "PERSON":
            return self._noun(PEOPLE, PERSON_QUALITIES, 0.6, is_object=False)
        if slot == "THING":
            return self._noun(THINGS, THING_QUALITIES, 0.8, is_object=True)
        lists = {"VERB": VERBS, "MOTION": MOTIONS, "TIME": TIMES, "PLACE": PLACES}
        return self._random.choice(lists[slot])

    def _noun(
        self, nouns: dict[str, list[str]], qualities: list[str], share: float, *, is_object: bool
    ) -> str:
        """Return article, mostly an adjective, and noun in nominative or accusative."""
        gender, noun = self._random.choice([(g, n) for g, each in nouns.items() for n in each])
        words = [ARTICLES[gender][is_object]]
        if self._random.random() < share:
            ending = "en" if is_object and gender == "m" else "e"
            words.append(self._random.choice(qualities) + ending)
        return " ".join([*words, noun])
