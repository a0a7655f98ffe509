"""What a Python user imports."""

import pytest

from espnet2_ext import api


@pytest.mark.parametrize(
    "name", [*api.__all__, "AnyConverter", "EmotionRecogniser", "convert_file"]
)
def test_every_name_is_there(name: str) -> None:
    assert getattr(api, name) is not None


def test_another_name_is_an_error_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        api.Nothing  # noqa: B018
