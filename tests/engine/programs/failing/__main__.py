"""Fails in a function of its own."""


def break_something() -> None:
    """Raise what nobody catches."""
    raise RuntimeError("the reason is shown")


break_something()
