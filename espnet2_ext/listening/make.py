"""From a manifest to a folder that a browser opens, and the key for scoring."""

import hashlib
import io
import json
import logging
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile

from espnet2_ext.data.audio import SAMPLE_RATE_HZ, read_audio, to_int16
from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.design import (
    ALL,
    KEY,
    ListeningTest,
    Trial,
    balance_period,
    listener_order,
    read_key,
    write_key,
)
from espnet2_ext.listening.manifest import (
    EMOTION,
    IDENTITY,
    PRACTICE,
    TEST,
    check_expected,
    read_manifest,
)

logger = logging.getLogger(__name__)

PAGE = "page"
PAGE_FILES = ("index.html", "style.css", "store.js", "player.js", "page.js")


class SoundFolder:
    """Writes recordings as 16-bit mono wav, at their own rate and level, and keeps each once.

    Names are hashes and the format is one, lest either tell which system it is. Level is part of
    emotion, so it stays; ``clipped`` lists sources beyond full scale, ``rates_hz`` is by source.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.rates_hz: dict[str, int] = {}
        self.clipped: list[str] = []
        self._names: dict[str, str] = {"": ""}

    def add(self, path: str) -> str:
        """Write a recording and return the name of its file; AudioError if it is unusable."""
        if path not in self._names:
            try:
                rate_hz = soundfile.info(path).samplerate
            except RuntimeError:
                rate_hz = SAMPLE_RATE_HZ  # read_audio says what is wrong.
            waveform = read_audio(path, rate_hz)
            if np.abs(waveform).max() > 1.0:
                self.clipped.append(path)
            buffer = io.BytesIO()
            soundfile.write(buffer, to_int16(waveform), rate_hz, format="WAV", subtype="PCM_16")
            name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.wav"
            with atomic_open(self.folder / name, "wb") as stream:
                stream.write(buffer.getvalue())
            self.rates_hz[path] = rate_hz
            self._names[path] = name
        return self._names[path]


def make_test(
    manifest_path: str | Path,
    out_dir: str | Path,
    *,
    title: str,
    num_listeners: int = 20,
    systems_per_item: str = ALL,
    emotions: Sequence[str] | None = None,
    seed: int = 0,
) -> ListeningTest:
    """Write ``page/``, which goes to the listeners, and ``key.json``, which does not.

    The same call gives the same files. Choices of the emotion question are ``emotions``, by
    default the target emotions; for ``systems_per_item`` see ``listener_order``.

    ValueError if the manifest or a recording cannot be used, for fewer than 1 listener, or if
    ``out_dir`` holds another test, of which there may be answers.

    Source: questions of [P2V] IV-D 2 and 3. Deviation: orders and attention checks, not in paper.
    """
    if num_listeners < 1:
        raise ValueError(f"a test needs at least 1 listener, got {num_listeners}")
    stimuli = read_manifest(manifest_path)
    choices = emotions or sorted({s.target_emotion for s in stimuli if s.kind == EMOTION})
    check_expected(manifest_path, stimuli, choices)
    out_dir = Path(out_dir)
    sounds = SoundFolder(out_dir / PAGE / "audio")
    # Shuffled: the order of the manifest would reveal the systems.
    places = np.random.default_rng(seed).permutation(len(stimuli)) + 1
    names = [f"t{place:04d}" for place in places]
    trials = [
        Trial(
            trial_id=name,
            **{name: getattr(stimulus, name) for name in IDENTITY},
            audio=sounds.add(stimulus.audio),
            reference=sounds.add(stimulus.reference),
            expected=tuple(stimulus.expected.split(",")) if stimulus.expected else (),
        )
        for name, stimulus in zip(names, stimuli, strict=True)
    ]
    orders = [
        listener_order(stimuli, listener, systems_per_item=systems_per_item, seed=seed)
        for listener in range(num_listeners)
    ]
    test = ListeningTest(
        title=title,
        emotions=tuple(dict.fromkeys(choices)),
        systems=tuple(dict.fromkeys(s.system for s in stimuli if s.role == TEST)),
        systems_per_item=systems_per_item,
        seed=seed,
        trials={trial.trial_id: trial for trial in sorted(trials, key=lambda t: t.trial_id)},
        orders=tuple(tuple(names[place] for place in order) for order in orders),
    )
    if (out_dir / KEY).is_file() and read_key(out_dir / KEY).digest != test.digest:
        raise ValueError(
            f"{out_dir / KEY}: belongs to another test, whose answers could no longer be scored; "
            "give another output directory"
        )
    _write_page(out_dir / PAGE, test)
    write_key(out_dir / KEY, test)
    _log(out_dir, test, sounds, balance_period(stimuli))
    return test


def _write_page(page_dir: Path, test: ListeningTest) -> None:
    """Write html, css and scripts; the data go into a script, since pages may not read files."""
    for name in PAGE_FILES:
        with atomic_open(page_dir / name, "wb") as stream:
            stream.write((files("espnet2_ext.listening") / PAGE / name).read_bytes())
    shown = {
        name: {
            "kind": trial.kind,
            "practice": trial.role == PRACTICE,
            "audio": trial.audio,
            "reference": trial.reference,
        }
        for name, trial in test.trials.items()
    }
    of_test = {"hash": test.digest, "title": test.title, "emotions": test.emotions}
    data = {**of_test, "trials": shown, "orders": test.orders}
    with atomic_open(page_dir / "test.js") as stream:
        stream.write(f'"use strict";\nwindow.LISTENING_TEST = {json.dumps(data)};\n')


def _log(out_dir: Path, test: ListeningTest, sounds: SoundFolder, period: int) -> None:
    numbers = [len(order) for order in test.orders]
    logger.info(
        f"{out_dir}: test {test.digest}, {len(numbers)} listeners, {min(numbers)} to "
        f"{max(numbers)} recordings each; systems are balanced over multiples of {period} listeners"
    )
    rates_hz = sorted(set(sounds.rates_hz.values()))
    if len(rates_hz) > 1:
        logger.warning("recordings have different sampling rates (Hz), to be heard: %s", rates_hz)
    if clipped := sounds.clipped:
        message = "%d recordings are beyond full scale and were clipped, for example %s"
        logger.warning(message, len(clipped), clipped[0])
