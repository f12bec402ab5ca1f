"""The grader of ``unpriced``: never reached, as its service cannot be had."""


def test_prices() -> None:
    """Each order gets its price."""
    raise AssertionError


def test_registers() -> None:
    """The schema of each price is in the registry."""
    raise AssertionError
