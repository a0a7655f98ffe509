"""The style part of mini_emo: what the four transfers of [P2V] section V take, made on demand.

Sources are neutral or emotional utterances of ``mini_emo_test``, whose sentences pretraining
does not hold, spoken anew to the same bytes. References say other words:

===============  ======  ====================  ==============================================
condition        figure  source                reference
===============  ======  ====================  ==============================================
cross_lingual    7       neutral               a German sentence, angry, happy or sad
speaking_style   8       angry, happy or sad   the same emotion, read out or lively
emotional_style  9       angry                 happy or sad
singing          10      neutral               a sung melody with known notes
===============  ======  ====================  ==============================================

Deviation: [P2V] V-B finds other stress positions within an emotion; eSpeak NG sets stress by
rule, so speaking styles here differ in rate, pitch range and level. The paper's German
speaker is another person; here by default the source's voice speaks German and sings, since
pitch of another voice is not taken over by a model of this size (mini_emo/p2v1, RESULTS.md).

Not part of ``mini_emo.prepare``: nothing of the corpus changes by it. The voices and
sentences are those of a corpus of full size; a model of a smaller one may have heard them.
"""

import logging
from dataclasses import replace
from pathlib import Path

from espnet2_ext.corpora.espeak import PITCH_LIMITS, RATE_WPM_LIMITS
from espnet2_ext.corpora.mini_emo_audio import SpeechJob, speak_files
from espnet2_ext.corpora.mini_emo_german import GermanGrammar
from espnet2_ext.corpora.mini_emo_pairs import TARGET_EMOTIONS, other_item
from espnet2_ext.corpora.mini_emo_parts import MiniEmoSize, PlannedUtterance, plan_sets
from espnet2_ext.corpora.mini_emo_song import MELODIES, draw_words
from espnet2_ext.corpora.mini_emo_song_file import SongJob, sing_file
from espnet2_ext.corpora.mini_emo_voices import Delivery, Shift, Voice, deliver, limited
from espnet2_ext.data.conversion_list import ListedConversion, write_conversion_list

logger = logging.getLogger(__name__)

STYLES = {"reading": Shift(0.8, -0.1, 0.3, -2.0), "lively": Shift(1.2, 0.12, 1.6, 2.0)}
"""Speaking styles, laid over an emotion: read out slowly and flatly, or told in a lively way."""
GERMAN = "de"
"""eSpeak NG's language."""
SET = "mini_emo_style"


def prepare_style(
    root: str | Path,
    out_data: str | Path,
    *,
    pairs_per_condition: int = 12,
    other_voice: bool = False,
    num_workers: int = 2,
    seed: int = 0,
) -> list[ListedConversion]:
    """Generate what is missing of the style part and write its ``list.tsv``.

    Args:
        root: gets ``<set>/wav/`` and, for songs, their notes beside them.
        out_data: gets ``<set>/list.tsv``; the set is called ``mini_emo_style``, with
            ``_other_voice`` behind it if that is asked for.
        pairs_per_condition: conversions of each condition.
        other_voice: references by another voice than the source's.
        num_workers: processes; the files do not depend on it.
        seed: of the corpus.

    Returns:
        The list, condition by condition.

    Raises:
        EspeakError: eSpeak NG is not installed or could not speak.
        ValueError: fewer than one pair is asked for.
    """
    if pairs_per_condition < 1:
        raise ValueError(f"mini_emo: {pairs_per_condition} pairs a condition; ask for at least 1")
    name = f"{SET}_other_voice" if other_voice else SET
    root = Path(root).resolve() / name
    plan = _Plan(root, seed, other_voice)
    german = GermanGrammar(seed).draw(pairs_per_condition)
    conversions = [
        make(index)
        for make in (
            lambda index: plan.cross_lingual(index, german[index]),
            plan.speaking_style,
            plan.emotional_style,
            plan.singing,
        )
        for index in range(pairs_per_condition)
    ]
    speak_files(root, list(plan.speech.values()), num_workers)
    for song in plan.songs.values():
        sing_file(root, song)
    list_file = Path(out_data) / name / "list.tsv"
    write_conversion_list(list_file, conversions)
    logger.info(f"{name}: {len(conversions)} conversions in {list_file}")
    return conversions


class _Plan:
    """Chooses voices and sentences, and collects what has to be spoken and sung."""

    def __init__(self, root: Path, seed: int, other_voice: bool) -> None:
        self.root, self.seed, self.other_voice = root, seed, other_voice
        self.speech: dict[str, SpeechJob] = {}
        self.songs: dict[str, SongJob] = {}
        test = plan_sets(MiniEmoSize(), seed)["mini_emo_test"]
        self.by_key = {(u.voice.speaker, u.sentence, u.emotion): u for u in test}
        self.voices = list({u.voice.speaker: u.voice for u in test}.values())
        self.sentences: dict[str, list[int]] = {}
        for utterance in test:
            numbers = self.sentences.setdefault(utterance.voice.speaker, [])
            if utterance.sentence not in numbers:
                numbers.append(utterance.sentence)

    def cross_lingual(self, index: int, text: str) -> ListedConversion:
        emotion = TARGET_EMOTIONS[index % len(TARGET_EMOTIONS)]
        voice = replace(self._model(index), accent=GERMAN)
        name = f"{voice.speaker}-{GERMAN}{index:02d}-{emotion}"
        prosody = self._speak(name, text, deliver(voice, emotion, name, self.seed))
        return self._listed(index, "cross_lingual", "neutral", prosody, f"german_{emotion}")

    def speaking_style(self, index: int) -> ListedConversion:
        style = list(STYLES)[index % len(STYLES)]
        emotion = TARGET_EMOTIONS[index // len(STYLES) % len(TARGET_EMOTIONS)]
        model = self._reference(index, emotion)
        name = f"{model.utterance_id}-{style}"
        delivery = deliver(model.voice, emotion, name, self.seed)
        prosody = self._speak(name, model.text, in_style(delivery, style))
        return self._listed(index, "speaking_style", emotion, prosody, style)

    def emotional_style(self, index: int) -> ListedConversion:
        emotion = ("happy", "sad")[index % 2]
        prosody = self._utterance(self._reference(index, emotion))
        return self._listed(index, "emotional_style", "angry", prosody, emotion)

    def singing(self, index: int) -> ListedConversion:
        melody = list(MELODIES)[index % len(MELODIES)]
        voice = self._model(index)
        name = f"{voice.speaker}-{index:02d}-{melody}"
        delivery = deliver(voice, "neutral", name, self.seed)
        path = f"wav/song/{voice.speaker}/{name}.wav"
        self.songs[path] = SongJob(path, melody, tuple(draw_words(melody, name)), delivery)
        return self._listed(index, "singing", "neutral", str(self.root / path), melody)

    def _model(self, index: int) -> Voice:
        """Return the voice of a reference."""
        place = index % len(self.voices)
        return other_item(self.voices, place, index) if self.other_voice else self.voices[place]

    def _reference(self, index: int, emotion: str) -> PlannedUtterance:
        """Return an utterance of the reference's voice with other words than the source."""
        voice = self._model(index)
        numbers = self.sentences[voice.speaker]
        place = index // len(self.voices) % len(numbers)
        return self.by_key[voice.speaker, other_item(numbers, place, 0), emotion]

    def _listed(
        self, index: int, condition: str, emotion: str, prosody: str, what: str
    ) -> ListedConversion:
        """Return the line; the voice is that of another, neutral, utterance of the source's."""
        speaker = self.voices[index % len(self.voices)].speaker
        numbers = self.sentences[speaker]
        place = index // len(self.voices) % len(numbers)
        source = self.by_key[speaker, numbers[place], emotion]
        voice = self.by_key[speaker, other_item(numbers, place, 1), "neutral"]
        name = f"{condition}-{index:02d}-{source.utterance_id}-to-{what}"
        return ListedConversion(
            name, condition, self._utterance(source), prosody, self._utterance(voice), source.text
        )

    def _utterance(self, utterance: PlannedUtterance) -> str:
        name = utterance.utterance_id
        return self._speak(
            name, utterance.text, deliver(utterance.voice, utterance.emotion, name, self.seed)
        )

    def _speak(self, name: str, text: str, delivery: Delivery) -> str:
        path = f"wav/style/{name.split('-')[0]}/{name}.wav"
        self.speech[path] = SpeechJob(path, text, delivery)
        return str(self.root / path)


def in_style(delivery: Delivery, style: str) -> Delivery:
    """Return a delivery moved by one of STYLES."""
    shift, engine = STYLES[style], delivery.engine
    moved = replace(
        engine,
        rate_wpm=limited(engine.rate_wpm * shift.rate, RATE_WPM_LIMITS),
        pitch=limited(engine.pitch + 50.0 * shift.pitch_octaves, PITCH_LIMITS),
        pitch_range=limited(engine.pitch_range * shift.pitch_range, PITCH_LIMITS),
    )
    return replace(delivery, engine=moved, level_db=delivery.level_db + shift.level_db)
