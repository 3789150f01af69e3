"""When a read is asked again: a rule is a value, so a policy can be read, swapped and tested.

Only reads come here. A write is never repeated in this package: XPM has no idempotency key.
https://developer.xero.com/documentation/api/practice-manager-3-1/time#post-add
"""

from collections.abc import Callable

from xpm.api.errors import TryLater, Unknown, XpmError

RetryRule = Callable[[XpmError, int], float | None]
"""From an error and the number of attempts made to seconds to wait, or None to give up."""


def never(error: XpmError, attempts: int) -> float | None:
    """Give up at once."""
    return None


def backing_off(
    attempts: int, first: float, ceiling: float, chance: Callable[[], float]
) -> RetryRule:
    """Return a rule that doubles from ``first`` seconds, with half of each wait left to chance.

    It makes at most ``attempts`` attempts, never waits beyond ``ceiling`` seconds (whoever is
    told to wait longer gives up), and obeys what the vendor stated. ``chance`` gives 0 to 1.
    """

    def rule(error: XpmError, made: int) -> float | None:
        if made >= attempts or not isinstance(error, TryLater | Unknown):
            return None
        stated = error.after if isinstance(error, TryLater) else None
        if isinstance(error, TryLater) and error.day_spent:
            return None
        wait = min(first * 2.0 ** (made - 1), ceiling) * (0.5 + chance() / 2)
        wait = max(wait, stated or 0.0)
        return wait if wait <= ceiling else None

    return rule
