"""``key.json``: what the listeners must not see, and what scoring needs."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from espnet2_ext.data.parallel import atomic_open
from espnet2_ext.listening.manifest import answers_of

KEY = "key.json"


@dataclass(frozen=True)
class Trial:
    """One question of the page.

    Attributes:
        trial_id: names it without telling anything.
        kind: see ``Stimulus``, as all that follow but the files.
        role: of the trial.
        system: that made the recording.
        target_emotion: what it should sound like.
        item: what is said, by whom.
        audio: name of the file in the page's folder ``audio``.
        reference: the same of what is heard first; "" where there is none.
        expected: answers that show attention; empty unless it is a check.
    """

    trial_id: str
    kind: str
    role: str
    system: str
    target_emotion: str
    item: str
    audio: str
    reference: str
    expected: tuple[str, ...]


@dataclass(frozen=True)
class ListeningTest:
    """A whole test.

    Attributes:
        title: heads the page.
        emotions: choices of the emotion question, in order.
        systems: as in the manifest, in order.
        systems_per_item: ``all`` or ``one``, see ``listener_order``.
        seed: of the orders.
        trials: by id.
        orders: one a listener, ids of trials.
    """

    title: str
    emotions: tuple[str, ...]
    systems: tuple[str, ...]
    systems_per_item: str
    seed: int
    trials: dict[str, Trial]
    orders: tuple[tuple[str, ...], ...]

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal digits that change with any trial, recording or order."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def answers(self, kind: str) -> tuple[str, ...]:
        """Return the choices of a kind of trial."""
        return answers_of(kind, self.emotions)


def write_key(path: str | Path, test: ListeningTest) -> None:
    """Write the test with its hash."""
    with atomic_open(path) as stream:
        json.dump({"hash": test.digest, **asdict(test)}, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def read_key(path: str | Path) -> ListeningTest:
    """Return what ``write_key`` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no key, or was changed since it was written.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        digest = content.pop("hash")
        trials = {
            name: Trial(**{**trial, "expected": tuple(trial["expected"])})
            for name, trial in content.pop("trials").items()
        }
        orders = tuple(map(tuple, content.pop("orders")))
        emotions, systems = tuple(content.pop("emotions")), tuple(content.pop("systems"))
        test = ListeningTest(
            trials=trials, orders=orders, emotions=emotions, systems=systems, **content
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the key of a listening test ({error!r:.80})") from error
    if test.digest != digest:
        raise ValueError(f"{path}: was changed since it was written; make the test again")
    return test
