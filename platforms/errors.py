"""What can go wrong with a platform."""


class PlatformError(Exception):
    """What runs could not be asked or changed; the message says why.

    Args:
        why: in words.
        remedy: what helps, with the placeholders of a doctor's fix; empty where `why` says it.
    """

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy
