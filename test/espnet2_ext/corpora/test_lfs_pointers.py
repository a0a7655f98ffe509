"""Notes of Git LFS are recognised, and nothing else is."""

from pathlib import Path

import pytest
from reference.acted_copies import NOTE, wav_bytes

from espnet2_ext.corpora.copies import parse_pointer, refuse_pointers


def test_what_a_note_says():
    assert parse_pointer(NOTE.encode()) == (NOTE.split("sha256:")[1].split()[0], 72862)
    extended = NOTE.replace("oid", "ext-0-foo sha256:ab\noid", 1)
    assert parse_pointer(extended.encode()) == parse_pointer(NOTE.encode())
    for content in (b"", b"RIFF", NOTE[:-20].encode(), NOTE.encode() + b"x"):
        assert parse_pointer(content) is None


def test_audio_and_long_files_pass(tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(16000))
    (tmp_path / "b.wav").write_bytes(NOTE.encode() + bytes(1024))
    refuse_pointers(tmp_path, ["a.wav", "b.wav"], "remedy")


def test_notes_are_counted(tmp_path: Path):
    for name in ("b.wav", "a.wav"):
        (tmp_path / name).write_text(NOTE)
    with pytest.raises(ValueError, match="2 files are notes of Git LFS .* first a.wav; remedy$"):
        refuse_pointers(tmp_path, ["b.wav", "a.wav"], "remedy")
