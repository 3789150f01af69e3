import pickle

import pytest

from xpm.api import Disconnected, Rejected, TryLater, Unknown, XpmError

EACH = [
    Rejected("Job is completed", status=200, correlation_id="abc"),
    Disconnected("Xero ended the connection", status=400),
    TryLater(22.0, "Xero is busy", day_spent=True, status=429),
    Unknown("The connection broke"),
]


def test_there_are_exactly_four_leaves() -> None:
    assert set(XpmError.__subclasses__()) == {Rejected, Disconnected, TryLater, Unknown}
    assert all(not leaf.__subclasses__() for leaf in XpmError.__subclasses__())


@pytest.mark.parametrize("error", EACH, ids=lambda error: type(error).__name__)
def test_an_error_survives_being_stored(error: XpmError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert vars(again) == vars(error)


def test_the_log_line_leaves_out_the_vendors_words() -> None:
    error = Rejected("Ana Example is not assigned", status=200, correlation_id="abc")
    assert str(error) == "Xero refused the request (status 200, correlation abc)"
    assert "Ana" not in repr(error)
    assert error.reason == "Ana Example is not assigned"


def test_the_log_line_carries_the_evidence() -> None:
    assert str(TryLater(5, "Xero is busy", status=429)) == "Xero is busy (status 429)"
    assert str(Unknown("The connection broke")) == "The connection broke"
