import pytest

from espnet2_ext.data.formatting import Share, parse_share


def test_shares_cover_all_parts_once():
    shares = [parse_share(f"{index}/3") for index in (1, 2, 3)]
    owners = [[str(share) for share in shares if share.has(part)] for part in range(7)]
    assert owners == [["1/3"], ["2/3"], ["3/3"], ["1/3"], ["2/3"], ["3/3"], ["1/3"]]
    assert all(Share(1, 1).has(part) for part in range(5))


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/2/3", "1/ 2", "²/3"]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match=r"give one such as 3/32"):
        parse_share(text)
