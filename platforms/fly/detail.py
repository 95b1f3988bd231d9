"""What a look into an app reads of a reply, beyond what the driver needs."""

from collections.abc import Mapping

from platforms.fly.replies import Machine, MachineConfig, Reply


class SecretFile(Reply):
    """A file in a machine, perhaps from a secret."""

    secret_name: str = ""


class ConfigInFull(MachineConfig):
    """What a machine runs, with what it is told."""

    env: Mapping[str, str] = {}
    files: tuple[SecretFile, ...] = ()


class Exit(Reply):
    """How a machine's process ended."""

    oom_killed: bool = False


class Monitored(Reply):
    """An exit as the machine's host saw it."""

    exit_event: Exit = Exit()


class EventRequest(Reply):
    """What an event is about."""

    exit_event: Exit = Exit()
    monitor_event: Monitored = Monitored()
    restart_count: int = 0

    @property
    def out_of_memory(self) -> bool:
        """Whether it is an exit for want of memory."""
        return self.exit_event.oom_killed or self.monitor_event.exit_event.oom_killed


class Event(Reply):
    """Something that happened to a machine."""

    type: str = ""
    request: EventRequest = EventRequest()


class MachineInFull(Machine):
    """A machine, with what it is told and what happened to it, newest first."""

    config: ConfigInFull = ConfigInFull()
    events: tuple[Event, ...] = ()


class LogEntry(Reply):
    """What an app wrote."""

    timestamp: str = ""
    message: str = ""
