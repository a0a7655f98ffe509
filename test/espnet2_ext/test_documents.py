"""README.md and CONTRIBUTING.md: their examples run, and the files and names they cite exist."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from reference.tiny_trained import write_trained_model

from espnet2_ext.conversion.converter import VarianceCompensation
from espnet2_ext.data.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
README, CONTRIBUTING = ((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
OUTPUTS = ("exp", "data", "dump", "downloads")
PATTERN = re.compile(r"(?:espnet2_ext|egs2|tools|test)/[\w./-]*")


def noise(path: Path, seconds: float = 1.0) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, round(16000 * seconds))
    soundfile.write(path, samples, 16000)


def test_answers_name_at_most_three_files_which_hold_the_names() -> None:
    section = CONTRIBUTING.partition("## Where to look\n")[2].partition("\n## ")[0]
    answers = re.findall(r"^\| [^|]*\? \| (.*) \|$", section, re.M)
    assert len(answers) == 8
    for answer in answers:
        quoted = re.findall(r"`([^`]+)`", answer)
        files = [ROOT / text for text in quoted if PATTERN.fullmatch(text)]
        assert 1 <= len(files) <= 3
        texts = "\n".join(path.read_text() for path in files)
        for name in quoted:
            if re.fullmatch(r"[A-Za-z0-9_]+", name) and name != "model_conf":
                assert re.search(rf"(class |def |\b){name}\b", texts), name


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_cited_files_exist(text: str) -> None:
    cited = {
        each.rstrip(".").replace("[cor", "")
        for quoted in re.findall(r"`([^`\n]+)`|\]\(([^)#]+)\)", text)
        for each in PATTERN.findall(" ".join(quoted))
    }
    cited = {
        each for each in cited if "/exp" not in each and not each.endswith(("corpora/", "egs2/"))
    }
    assert len(cited) > 10
    assert [each for each in sorted(cited) if not (ROOT / each).exists()] == []


def test_the_layout_lists_every_room() -> None:
    layout = README.partition("## Layout\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`espnet2_ext/(\w+)`", layout))
    rooms = {path.parent.name for path in (ROOT / "espnet2_ext").glob("*/__init__.py")}
    assert listed == rooms


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = write_trained_model(tmp_path)
    for path in ("neutral.wav", "angry.wav"):
        noise(tmp_path / path)
    code = README.partition("```python\n")[2].partition("```")[0]
    weights = Path(re.search(r'weights = "(.*)"', code)[1])
    weights.parent.mkdir(parents=True)
    shutil.copy(model, f"{weights}.pth")
    shutil.copy(model.parent / "config.yaml", weights.parent)
    centroids = Path(re.search(r'from_file\("(.*npz)"\)', code)[1])
    centroids.parent.mkdir()
    shutil.copy("exp/kmeans/centroids.npz", centroids)
    nothing = np.zeros(80), np.zeros(80), np.ones(80)
    VarianceCompensation(*nothing).save(f"{weights}.contrast.json", "key")
    found: dict = {}
    exec(code, found)
    assert found["audio"].ndim == 1 and len(found["audio"]) > 0
    assert found["prosody"].shape[0] == 2


def test_the_corpus_example_prepares_a_corpus(tmp_path: Path) -> None:
    lines = CONTRIBUTING.partition("the help.\n\n")[2].partition("\n   A test")[0].splitlines()
    found: dict = {}
    exec("\n".join(line[7:] for line in lines), found)
    folder = tmp_path / "wavs"
    folder.mkdir()
    for name in ("anna_happy_01", "anna_sad_01", "bob_happy_01"):
        noise(folder / f"{name}.wav", 0.1)
    utterances = found["prepare"](folder, tmp_path / "data")
    assert [each.utterance_id for each in utterances] == [
        "anna-anna_happy_01", "anna-anna_sad_01", "bob-bob_happy_01"
    ]  # fmt: skip
    emotions = read_table(tmp_path / "data/mine/utt2emo")
    assert emotions["bob-bob_happy_01"] == "happy"
    (folder / "bob_happy_01.wav").unlink()
    with pytest.raises(ValueError, match="happy"):
        found["prepare"](folder, tmp_path / "data")
