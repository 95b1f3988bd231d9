"""Docker Compose: the machine's, else built from its released Go module."""

import subprocess

from toolchain.report import Report


def compose_command(report: Report) -> list[str]:
    """The command line that arguments for Compose are added to.

    Raises:
        ToolchainError: it is not on this machine and cannot be built.
    """
    installed = ["docker", "compose"]
    try:
        if subprocess.run([*installed, "version"], capture_output=True, check=False).returncode == 0:
            return installed
    except OSError:
        pass  # Docker may be reached without its command
    from offline.golang import Program, build

    compose = Program(
        name="docker-compose",
        module="compose",
        package="github.com/docker/compose/v2/cmd",
        version_variable="github.com/docker/compose/v2/internal.Version",
        version="v2.40.3",
    )
    return [str(build(compose, report))]
