"""Sentences of the mini_emo corpus, drawn from a grammar of our own.

About 520 everyday English words that name no feeling, so that emotion is in the voice only,
with every phoneme and most frequent clusters in several of them; and German ones for the
cross-lingual references. All sentences are statements: a question's rising end would mix with
the emotions.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence


def phrases(text: str) -> list[str]:
    """Return the phrases of a text, which stand apart by ``|`` or line breaks."""
    return [phrase.strip() for phrase in text.replace("\n", "|").split("|") if phrase.strip()]


PEOPLE = """
    farmer sister doctor teacher neighbour cousin captain singer boy woman student manager
    friend visitor soldier uncle judge nurse baker painter sailor lawyer driver cook child
    girl brother mother father daughter engineer author guard dancer farmhand butcher
    jeweller shepherd thief chief youth gardener plumber chemist mayor pilot waiter tailor
""".split()
PERSON_QUALITIES = """
    old young tired new quiet clever famous little good busy foreign brave kind tall short
    thin careful honest local polite wise strong lazy rich poor cautious shy Welsh
    French Spanish Russian Polish Turkish northern southern junior senior patient
""".split()
THINGS = """
    box jacket window gate letter watch bottle chair picture bus apple table shoe
    question coffee telephone hammer ladder basket blanket bicycle candle carpet
    cheese clock cushion drawer engine feather fence garage glove guitar kettle kitchen
    lamp leather machine mattress mirror mushroom needle onion orange oven package pencil
    piano pillow pocket potato radio ring rope salad scarf shelf shirt shovel spoon
    stove suitcase ticket tool towel toy treasure tooth vase vegetable violin
    wheel whistle yacht yoghurt zip
""".split()
THING_QUALITIES = """
    heavy yellow broken fresh long silver empty wooden strange large blue brown green red
    grey white black purple small round square flat thick wide narrow cheap sharp smooth
    rough wet dry clean dusty modern ancient useful plain golden plastic metal huge tiny
    warm cold bright dark light loose solid hollow curved Japanese Swedish measured
    polished painted
""".split()
VERBS = """
    opened painted carried forgot borrowed watched cleaned followed described repaired
    noticed wanted finished bought dropped visited measured remembered touched pushed
    pulled lifted moved examined chose found took brought showed sold lost hid kept washed
    wrapped fixed used changed covered counted collected returned stored shared judged
    drew photographed weighed enjoyed caught threw placed
""".split()
MOTIONS = """
    walked travelled waited worked slept sat stood lived ran drove sailed jogged rested
    stayed whistled coughed arrived marched wandered danced swam shopped studied laughed
    listened hurried climbed
""".split()
PLACES = """
    river church village station bridge street garden market harbour school library
    mountain forest beach castle factory theatre valley office hospital museum kitchen
    island lake square tower tunnel corner path farm bakery stable shop bathroom cellar
    roof field orchard canal zoo
""".split()
PLACE_RELATIONS = "near behind in at under by beside outside above below past beyond".split()
TIMES = phrases("""
    after the storm|before the meeting|during the summer|early this morning|just before noon
    in a single hour|on Thursday|every Tuesday|last winter|at five o'clock|for three years
    in the autumn|all afternoon|twice a week|around midnight|in July|since breakfast
    on the ninth of June|half a year ago|most evenings|in the usual way|with both hands
    without any help|for the first time|with a pair of scissors|in a thick fog|by accident
    because it was cheap|while we were talking|as usual|once again|through the whole night
""")
ADVERBS = """
    slowly quickly often rarely carefully usually suddenly quietly gently bravely soon
""".split()
STATES = phrases("""
    on the shelf|too large for us|worth a fortune|made of leather|ready at last|quite useful
    very expensive|hard to find|full of water|out of order|easy to carry|beyond repair
    older than the house|smaller than a thumb|the wrong shape|a present from Egypt
""")
DETERMINERS = "the our my his her their your this that the every another".split()
THING_DETERMINERS = "the a the a our my his her your this that one another".split()
NUMBERS = "two three four five six seven eight nine eleven twelve twenty thirty".split()
PLURALS = """
    boxes jackets windows letters bottles chairs pictures apples shoes bridges watches
    candles baskets coins photographs mice sheep geese leaves knives sausages pigeons
    horses oranges peaches cherries maps stamps kings judges
""".split()
PATTERNS = phrases("""
    PERSON VERB THING TIME|PERSON VERB THING PLACE|PERSON ADVERB VERB THING
    TIME, PERSON VERB THING|PLACE, PERSON VERB THING|PERSON MOTION PLACE TIME
    PERSON MOTION ADVERB PLACE|PERSON said that SINGLE was STATE|SINGLE PLACE was STATE
    PERSON and PERSON VERB THING|PERSON MOTION PLACE, but SINGLE was STATE
    PERSON VERB THING and MOTION PLACE|while PERSON MOTION, PERSON VERB THING
    we think that PERSON VERB THING|you will find THING PLACE TIME|they VERB THING PLACE
    I thought SINGLE was STATE|she showed THING to PERSON|he gave THING to PERSON TIME
    TIME, PERSON MOTION PLACE|PERSON has THING PLACE|those PLURAL PLACE are STATE
    PERSON VERB THING, and PERSON MOTION ADVERB|nobody VERB THING TIME
""")
"""Upper-case words are slots; a sentence is a pattern with its slots filled."""

_WORDS = dict(VERB=VERBS, MOTION=MOTIONS, TIME=TIMES, ADVERB=ADVERBS, STATE=STATES, PLURAL=PLURALS)


class _Grammar:
    """Draws sentences and gives none twice."""

    name: str
    patterns: Sequence[str]

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(f"mini_emo {self.name} {seed}")
        self._seen: set[str] = set()

    def _draw(self, count: int, kind: str, fits: Callable[[str], bool]) -> list[str]:
        sentences: list[str] = []
        failures = 0
        while len(sentences) < count:
            sentence = self._sentence()
            if sentence not in self._seen and fits(sentence):
                self._seen.add(sentence)
                sentences.append(sentence)
                continue
            failures += 1
            if failures > 1000 + 100 * count:
                raise ValueError(
                    f"mini_emo: only {len(sentences)} of {count} new {kind}; ask for fewer"
                )
        return sentences

    def _sentence(self) -> str:
        pattern = self._random.choice(self.patterns)
        words = re.sub("[A-Z]{2,}", lambda slot: self._fill(slot.group()), pattern)
        words = re.sub(r"\ba (?=[aeio])", "an ", words)
        return words[0].upper() + words[1:] + "."

    def _fill(self, slot: str) -> str:
        raise NotImplementedError

    def _maybe(self, share: float, words: Sequence[str]) -> list[str]:
        """Return one of the words, in this share of the calls."""
        return [self._random.choice(words)] if self._random.random() < share else []


class SentenceGrammar(_Grammar):
    """Draws English sentences and gives none twice."""

    name = "sentences"
    patterns = PATTERNS

    def draw(self, count: int, min_syllables: int, max_syllables: int) -> list[str]:
        """Return ``count`` different sentences of that length, all new to this grammar.

        Raises:
            ValueError: sentences of that length ran out.
        """
        kind = f"sentences of {min_syllables} to {max_syllables} syllables"
        return self._draw(
            count, kind, lambda text: min_syllables <= count_syllables(text) <= max_syllables
        )

    def _fill(self, slot: str) -> str:
        pick = self._random.choice
        if slot == "PERSON":
            return " ".join([pick(DETERMINERS), *self._maybe(0.6, PERSON_QUALITIES), pick(PEOPLE)])
        if slot == "PLACE":
            return f"{pick(PLACE_RELATIONS)} the {pick(PLACES)}"
        if slot not in ("THING", "SINGLE"):
            return pick(_WORDS[slot])
        is_plural = slot == "THING" and self._random.random() < 0.2
        determiners, nouns = (NUMBERS, PLURALS) if is_plural else (THING_DETERMINERS, THINGS)
        return " ".join([pick(determiners), *self._maybe(0.7, THING_QUALITIES), pick(nouns)])


def count_syllables(sentence: str) -> int:
    """Return about how many syllables the sentence has: vowel groups but for a silent e."""
    words = re.findall("[a-z]+", re.sub("[^a-z ]", "", sentence.lower()))
    return sum(max(1, len(re.findall("[aeiouy]+", re.sub("e$", "", word)))) for word in words)


# Present tense with the verb in second place. Only definite articles stand before adjectives, so
# that endings follow from gender and case alone.
GERMAN_ARTICLES = {"m": ("der", "den"), "f": ("die", "die"), "n": ("das", "das")}
"""Nominative and accusative by gender."""
GERMAN_PEOPLE = {
    "m": "Bauer Lehrer Arzt Nachbar Bäcker Gärtner Maler Schüler Pilot Fischer Koch".split(),
    "f": "Lehrerin Ärztin Nachbarin Schwester Tante Freundin Köchin Sängerin Mutter".split(),
    "n": "Kind Mädchen".split(),
}
GERMAN_PERSON_QUALITIES = "alt jung klein groß klug fleißig neu bekannt höflich ruhig".split()
GERMAN_THINGS = {
    "m": "Tisch Stuhl Koffer Brief Schlüssel Apfel Hut Mantel Löffel Teppich Spiegel".split(),
    "f": "Lampe Tasche Jacke Flasche Uhr Zeitung Gitarre Kiste Decke Leiter".split(),
    "n": "Fenster Buch Fahrrad Bild Brot Messer Hemd Glas Radio Paket".split(),
}
GERMAN_THING_QUALITIES = (
    "neu alt groß klein schwer leicht rot blau grün gelb rund breit weiß".split()
)
GERMAN_VERBS = """
    kauft malt sucht findet trägt putzt zeigt bringt holt verkauft repariert beschreibt
    vergleicht verliert benutzt prüft bemerkt
""".split()
GERMAN_MOTIONS = "wartet arbeitet sitzt steht liest singt schläft tanzt lernt".split()
GERMAN_TIMES = phrases("""
    am Morgen|am Abend|im Sommer|im Winter|nach der Pause|vor dem Essen|jeden Dienstag
    um fünf Uhr|heute Nachmittag|zweimal in der Woche|kurz nach Mitternacht|schon wieder
""")
GERMAN_PLACES = phrases("""
    in der Küche|auf dem Markt|hinter dem Haus|neben der Kirche|im Garten|am Bahnhof
    unter der Brücke|vor dem Museum|in der Schule|am Hafen|im Büro|auf dem Feld
""")
GERMAN_PATTERNS = phrases("""
    PERSON VERB TIME THING|TIME VERB PERSON THING|PERSON VERB PLACE THING
    PLACE VERB PERSON THING|PERSON MOTION TIME PLACE|TIME MOTION PERSON PLACE
""")


_GERMAN_WORDS = dict(
    VERB=GERMAN_VERBS, MOTION=GERMAN_MOTIONS, TIME=GERMAN_TIMES, PLACE=GERMAN_PLACES
)


class GermanGrammar(_Grammar):
    """Draws German sentences and gives none twice."""

    name = "german"
    patterns = GERMAN_PATTERNS

    def draw(self, count: int) -> list[str]:
        """Return ``count`` different sentences, all new to this grammar.

        Raises:
            ValueError: sentences ran out.
        """
        return self._draw(count, "German sentences", lambda text: True)

    def _fill(self, slot: str) -> str:
        if slot == "PERSON":
            return self._noun(GERMAN_PEOPLE, GERMAN_PERSON_QUALITIES, 0.6, is_object=False)
        if slot == "THING":
            return self._noun(GERMAN_THINGS, GERMAN_THING_QUALITIES, 0.8, is_object=True)
        return self._random.choice(_GERMAN_WORDS[slot])

    def _noun(
        self, nouns: Mapping[str, list[str]], qualities: list[str], share: float, *, is_object: bool
    ) -> str:
        """Return article, mostly an adjective, and noun in nominative or accusative."""
        gender, noun = self._random.choice([(g, n) for g, each in nouns.items() for n in each])
        ending = "en" if is_object and gender == "m" else "e"
        quality = [word + ending for word in self._maybe(share, qualities)]
        return " ".join([GERMAN_ARTICLES[gender][is_object], *quality, noun])
