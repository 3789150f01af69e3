"""Looking for garbage while people wait: seldom, and never through the whole app."""

import gc

from bot.__main__ import collect_seldom


def test_what_was_built_before_serving_is_never_walked_again() -> None:
    thresholds = gc.get_threshold()
    try:
        collect_seldom()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects(generation=2)) < 1_000
        assert gc.get_threshold()[0] >= 10_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
