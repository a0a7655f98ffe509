"""From a manifest to a folder that a browser opens."""

import json
import logging
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.design import ALL, balance_period, listener_order
from espnet2_ext.listening.key import KEY, ListeningTest, Trial, read_key, write_key
from espnet2_ext.listening.manifest import (
    EMOTION,
    PRACTICE,
    TEST,
    Stimulus,
    check_expected,
    read_manifest,
)
from espnet2_ext.listening.sounds import SoundFolder

logger = logging.getLogger(__name__)

PAGE = "page"
PAGE_FILES = ("index.html", "style.css", "store.js", "player.js", "page.js")


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

    The same call gives the same files.

    Args:
        manifest_path: see ``read_manifest``.
        out_dir: of both.
        title: heads the page; tells nothing that listeners should not know.
        num_listeners: how many numbers there are to give out.
        systems_per_item: ``all`` or ``one``, see ``listener_order``.
        emotions: choices of the emotion question; None for the target emotions, sorted.
        seed: of orders.

    Source: questions of [P2V] IV-D 2 and 3.
    Deviation: the paper tells neither orders nor checks of attention.

    Raises:
        FileNotFoundError: no manifest.
        ValueError: the manifest or a recording cannot be used, fewer than 1 listener, or
            ``out_dir`` holds another test, of which there may be answers.
    """
    if num_listeners < 1:
        raise ValueError(f"a test needs at least 1 listener, got {num_listeners}")
    stimuli = read_manifest(manifest_path)
    choices = emotions or sorted({s.target_emotion for s in stimuli if s.kind == EMOTION})
    check_expected(manifest_path, stimuli, choices)
    out_dir = Path(out_dir)
    sounds = SoundFolder(out_dir / PAGE / "audio")
    names = _trial_names(len(stimuli), seed)
    trials = [_trial(name, stimulus, sounds) for name, stimulus in zip(names, stimuli)]
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
    _refuse_other(out_dir / KEY, test)
    _write_page(out_dir / PAGE, test)
    write_key(out_dir / KEY, test)
    _report(out_dir, test, sounds, balance_period(stimuli))
    return test


def _trial_names(number: int, seed: int) -> list[str]:
    """Return shuffled names: the order of the manifest would tell the systems."""
    places = np.random.default_rng(seed).permutation(number) + 1
    return [f"t{place:04d}" for place in places]


def _trial(name: str, stimulus: Stimulus, sounds: SoundFolder) -> Trial:
    return Trial(
        trial_id=name,
        kind=stimulus.kind,
        role=stimulus.role,
        system=stimulus.system,
        target_emotion=stimulus.target_emotion,
        item=stimulus.item,
        audio=sounds.add(stimulus.audio),
        reference=sounds.add(stimulus.reference) if stimulus.reference else "",
        expected=tuple(stimulus.expected.split(",")) if stimulus.expected else (),
    )


def _refuse_other(key_path: Path, test: ListeningTest) -> None:
    if key_path.is_file() and read_key(key_path).digest != test.digest:
        raise ValueError(
            f"{key_path}: belongs to another test, whose answers could no longer be scored; "
            "give another output directory"
        )


def _write_page(page_dir: Path, test: ListeningTest) -> None:
    """Write html, css and scripts; the data go into a script, since pages may not read files."""
    for name in PAGE_FILES:
        with atomic_open(page_dir / name, "wb") as stream:
            stream.write((files("espnet2_ext.listening") / PAGE / name).read_bytes())
    data = {
        "hash": test.digest,
        "title": test.title,
        "emotions": test.emotions,
        "trials": {
            trial.trial_id: {
                "kind": trial.kind,
                "practice": trial.role == PRACTICE,
                "audio": trial.audio,
                "reference": trial.reference,
            }
            for trial in test.trials.values()
        },
        "orders": test.orders,
    }
    with atomic_open(page_dir / "test.js") as stream:
        stream.write(f'"use strict";\nwindow.LISTENING_TEST = {json.dumps(data)};\n')


def _report(out_dir: Path, test: ListeningTest, sounds: SoundFolder, period: int) -> None:
    logger.info(
        "%s: test %s, %d listeners, %d to %d recordings each; systems are balanced over "
        "multiples of %d listeners",
        out_dir,
        test.digest,
        len(test.orders),
        min(map(len, test.orders)),
        max(map(len, test.orders)),
        period,
    )
    rates_hz = sorted(set(sounds.rates_hz.values()))
    if len(rates_hz) > 1:
        logger.warning("recordings have different sampling rates (Hz), to be heard: %s", rates_hz)
    if sounds.clipped:
        logger.warning(
            "%d recordings are beyond full scale and were clipped, for example %s",
            len(sounds.clipped),
            sounds.clipped[0],
        )
