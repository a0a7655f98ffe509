"""Turn the emotion's name into its class."""

from collections.abc import Sequence

import numpy as np


class EmotionPreprocessor:
    """ESPnet preprocess function: ``emotion`` as read from ``utt2emo`` to a class number.

    Args:
        emotions: names in the order of the classes.
    """

    def __init__(self, emotions: Sequence[str]):
        self.classes = {name: number for number, name in enumerate(emotions)}

    def __call__(
        self, utterance_id: str, data: dict[str, str | np.ndarray]
    ) -> dict[str, str | np.ndarray]:
        """Return the example with ``emotion`` (1,) int64.

        Raises:
            ValueError: an emotion that is no class.
        """
        name = data.get("emotion")
        if isinstance(name, str):
            if name not in self.classes:
                raise ValueError(
                    f"utt2emo: {utterance_id}: {name!r} is none of {', '.join(self.classes)};"
                    " give --emotions, or leave such utterances out"
                )
            data["emotion"] = np.array([self.classes[name]], dtype=np.int64)
        return data
