"""A listening test in miniature, and listeners who answer it as told."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from espnet2_ext.listening.design import KEY, ListeningTest, Trial, read_key
from espnet2_ext.listening.make import make_test
from espnet2_ext.listening.manifest import CHECK, EMOTION, SIMILARITY, Stimulus, write_manifest

SYSTEMS = ("source (unconverted)", "converted")
EMOTIONS = ("angry", "sad")


@pytest.fixture
def manifest_path(make_wav: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a manifest: 2 systems x 2 emotions x 2 items of each kind, a practice, a check."""
    stimuli = []
    for emotion in EMOTIONS:
        for number in range(2):
            item = f"{emotion}{number}"
            reference = make_wav(f"wav/{item}_true.flac", duration_s=0.1, seed=len(stimuli))
            for system in SYSTEMS:
                name = f"wav/{item}_{system}.wav"
                audio = str(make_wav(name, duration_s=0.1, seed=len(stimuli) + 1))
                stimuli += [
                    Stimulus(SIMILARITY, system, emotion, item, audio, str(reference)),
                    Stimulus(EMOTION, system, emotion, item, audio),
                ]
    practice = str(make_wav("wav/practice.wav", duration_s=0.1, seed=90))
    stimuli += [
        Stimulus(EMOTION, "converted", "sad", "p", practice, role="practice"),
        Stimulus(SIMILARITY, "true", "sad", "c", practice, practice, CHECK, "1,2"),
    ]
    path = tmp_path / "manifest.tsv"
    write_manifest(path, stimuli)
    return path


@pytest.fixture
def test_dir(manifest_path: Path, tmp_path: Path) -> Path:
    """Return the folder of a test for 4 listeners: ``page/`` and ``key.json``."""
    make_test(
        manifest_path,
        tmp_path / "test",
        title="Emotions <in> speech",
        num_listeners=4,
        emotions=["angry", "neutral", "sad"],
    )
    return tmp_path / "test"


@pytest.fixture
def tiny_test(test_dir: Path) -> ListeningTest:
    """Return the key of the test."""
    return read_key(test_dir / KEY)


def expected_answer(trial: Trial) -> str:
    """Return 2 or the target emotion for what is converted or checked, else -2 or neutral."""
    is_good = trial.system != "source (unconverted)"
    if trial.kind == SIMILARITY:
        return "2" if is_good else "-2"
    return trial.target_emotion if is_good else "neutral"


@pytest.fixture
def hand_in(tmp_path: Path, tiny_test: ListeningTest) -> Callable[..., Path]:
    """Return a writer of result files: ``hand_in(3, choose=..., changes=...) -> path``."""

    def write(
        listener: int,
        name: str | None = None,
        choose: Callable[[Trial], str | None] = expected_answer,
        changes: Mapping[str, object] = MappingProxyType({}),
    ) -> Path:
        answers = []
        for trial_id in tiny_test.orders[listener - 1]:
            trial = tiny_test.trials[trial_id]
            answers.append(
                {
                    "trial": trial_id,
                    "answer": choose(trial),
                    "plays_reference": int(trial.kind == SIMILARITY),
                    "plays_audio": 1,
                    "seconds": 1.5,
                }
            )
        content = {"format": 1, "test": tiny_test.digest, "listener": listener, "answers": answers}
        path = tmp_path / "handed_in" / (name or f"{listener}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({**content, **changes}))
        return path

    return write
