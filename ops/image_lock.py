"""The lock of a stack's images: written by `images`, and required where several machines deploy the stack."""

from typing import TYPE_CHECKING

from ops.session import RefusedError, Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolchain.resolve import ResolvedImage


def write(session: Session, resolved: "Mapping[str, ResolvedImage]") -> bool:
    """Lock the stack to these images; whether the lock file is another one now.

    An image that was built here does not take the place of what is locked for the same reference.
    """
    from toolchain.images.lock import Locked, read_lock, write_lock

    locked = read_lock(session.lock_file)
    for service, image in resolved.items():
        if image.digest:
            locked[service] = Locked(image.reference, image.version, image.digest)
        elif service not in locked or locked[service].reference != image.reference:
            locked[service] = Locked(image.reference, image.version, built=image.source)
    return write_lock(session.lock_file, session.stack, locked)


def refuse_unlocked(session: Session, resolved: "Mapping[str, ResolvedImage]") -> None:
    """Stop where another machine would run other images, and several machines deploy the stack.

    Raises:
        RefusedError: names every service whose image is not locked, or is another one.
    """
    from toolchain.images.lock import read_lock

    if not session.settings.is_shared or session.settings.stack.single_machine:
        return
    locked = read_lock(session.lock_file)
    others = [
        service
        for service, image in resolved.items()
        if (entry := locked.get(service)) is None or (entry.reference, entry.digest) != (image.reference, image.digest)
    ]
    if others:
        raise RefusedError(
            f"the images of {', '.join(others)} are not those of {session.lock_file.name}: `make images "
            f"STACK={session.stack}` locks them, where their registries answer; review and commit the file"
        )
