"""Names of RAVDESS's files: seven numbers that say everything of a recording.

``modality-channel-emotion-intensity-statement-repetition-actor``, such as
03-01-06-01-02-01-12. Audio of speech is modality 03 (sound only) and channel 01 (02 is
song). Neutral is not said with strong intensity, so an actor has 60 recordings.
"""

import re
from dataclasses import dataclass
from itertools import product

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgusted",
    "08": "surprised",
}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))

_NAME = re.compile(
    r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])", re.ASCII
)


@dataclass(frozen=True)
class RavdessName:
    """The numbers of a file of RAVDESS, as written."""

    modality: str
    channel: str
    emotion_number: str
    intensity: str
    statement: str
    repetition: str
    actor: str

    def __str__(self) -> str:
        return "-".join(
            (
                *(self.modality, self.channel, self.emotion_number, self.intensity),
                *(self.statement, self.repetition, self.actor),
            )
        )

    @property
    def emotion(self) -> str:
        """Return the word."""
        return EMOTIONS[self.emotion_number]

    @property
    def speaker(self) -> str:
        """Return ``Actor_<number>``, as the folders are called."""
        return f"Actor_{self.actor}"

    @property
    def utterance_id(self) -> str:
        """Return ``<speaker>-<name>``: in the name itself the actor comes last."""
        return f"{self.speaker}-{self}"

    @property
    def gender(self) -> str:
        """Return ``m`` for odd actors, ``f`` for even ones."""
        return "m" if int(self.actor) % 2 else "f"

    @property
    def kind(self) -> str:
        """Return ``audio of speech``, or what else this is a recording of."""
        modality = {"01": "video with sound", "02": "video", "03": "audio"}[self.modality]
        return f"{modality} of {'speech' if self.channel == '01' else 'song'}"


SPEECH = "audio of speech"


def parse_name(stem: str) -> RavdessName | None:
    """Return the numbers, None where this is no name of RAVDESS."""
    match = _NAME.fullmatch(stem)
    return RavdessName(*match.groups()) if match else None


def expected_names() -> list[RavdessName]:
    """Return the 1,440 recordings of speech, sorted by utterance id."""
    return [
        RavdessName("03", "01", emotion, intensity, statement, repetition, actor)
        for actor, emotion, intensity, statement, repetition in product(
            ACTORS, EMOTIONS, ("01", "02"), STATEMENTS, ("01", "02")
        )
        if (emotion, intensity) != ("01", "02")
    ]
