"""What a header tells of a file; decoding is tested with the data directories."""

import numpy as np
import soundfile

from espnet2_ext.data.audio import read_header


def test_seconds_of_a_good_file(tmp_path):
    soundfile.write(tmp_path / "good.wav", np.zeros(4000), 8000)
    assert read_header(tmp_path / "good.wav") == (0.5, None)


def test_a_file_without_samples(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    assert read_header(tmp_path / "empty.wav") == (0.0, "holds no samples")


def test_a_file_that_is_no_audio(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    duration_s, fault = read_header(tmp_path / "text.wav")
    assert duration_s == 0.0 and fault.startswith("not readable as audio: ")
    assert "\n" not in fault
