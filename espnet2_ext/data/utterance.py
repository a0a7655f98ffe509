"""One utterance of a corpus, before it becomes lines of a data directory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Utterance:
    """What a corpus parser knows of an utterance; None where the corpus does not say.

    ``utterance_id`` starts with ``<speaker>-`` so that Kaldi's double sorting holds.
    """

    utterance_id: str
    speaker: str
    wav: str
    text: str | None = None
    emotion: str | None = None
    session: str | None = None
    dialogue: str | None = None
    language: str | None = None
