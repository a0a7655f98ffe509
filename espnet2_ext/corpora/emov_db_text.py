"""The words of EmoV-DB: prompts of CMU ARCTIC, which has to be fetched apart from it.

``cmuarctic.data`` (festvox.org/cmu_arctic) has a line for each prompt::

    ( arctic_a0001 "Words of the prompt." )
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

PROMPTS = "cmuarctic.data"
_LINE = re.compile(r'\(\s*arctic_a(\d{4})\s+"(.*)"\s*\)', re.ASCII)


def find_prompts(root: Path, given: str | Path | None) -> Path | None:
    """Return the file of the prompts: the given one, that in the folder, or None.

    Raises:
        ValueError: the given one is not there.
    """
    if given is not None:
        if not Path(given).is_file():
            raise ValueError(f"{given}: no such file; get {PROMPTS} of CMU ARCTIC")
        return Path(given)
    path = root / PROMPTS
    return path if path.is_file() else None


def read_prompts(path: Path | None, sentences: Iterable[int]) -> dict[int, str]:
    """Return words by number of the sentence; nothing, with a warning, where there is no file.

    Args:
        path: of ``cmuarctic.data``, or None.
        sentences: all of which it must have, since a data directory has a text for every
            utterance or for none.

    Raises:
        ValueError: a sentence is not in the file, or the file is no text.
    """
    if path is None:
        logger.warning("no %s: the table text is left out; say --prompts FILE", PROMPTS)
        return {}
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        content = path.read_text(encoding="latin-1")
    words = {}
    for line in content.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            words[int(match[1])] = " ".join(match[2].split())
    missing = sorted(number for number in set(sentences) if not words.get(number))
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} prompts are not there, first arctic_a{missing[0]:04d}; get "
            f"{PROMPTS} of CMU ARCTIC"
        )
    return words
