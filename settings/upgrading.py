"""What only `upgrade` may do: take data to a new major release of Langfuse."""

from settings.model import Settings


def refused_release(settings: Settings) -> str:
    """Why a run may not put this release over the stack's data, and what may; empty where it may.

    Args:
        settings: of the stack, with what its state records.
    """
    was, wanted = settings.recorded.release, settings.langfuse_version
    if not was or settings.stack.upgrading or not settings.stack.running or _major(wanted) <= _major(was):
        return ""
    return (
        f"Langfuse {was} has migrated the data of this stack, and the settings ask for {wanted}. A new major release "
        "is taken with a checkpoint and a comparison: `python -m ops upgrade` shows the steps, and "
        "`python -m ops upgrade --apply` takes the next one; nothing was changed"
    )


def _major(version: str) -> int:
    return int(version.partition(".")[0])
