"""`python -m toolchain`: get the machine ready, and say how to use it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import Annotated

import typer

from toolchain.ready import make_ready
from toolchain.report import Report, ToolchainError

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@cli.command()
def ensure() -> None:
    """Get the engine, its plugins and Docker; says what is got, from where, and how long it took."""
    engine, docker = make_ready()
    print(f"pulumi {engine.version}, {engine.source}; Docker {docker.version}, {docker.source}")


@cli.command()
def shell() -> None:
    """Print the lines with which plain `pulumi` works: eval "$(python -m toolchain shell)"."""
    from toolchain import environment

    variables = environment.shell(environment.environment(*make_ready()))
    for name in sorted(os.environ):
        if name.startswith(environment.OPTION) and name not in variables:
            print(f"unset {name}")
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")


@cli.command()
def images(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
    refresh: Annotated[bool, typer.Option(help="Look for each again, as if nothing were known.")] = False,
) -> None:
    """Show which image each service runs, and where it came from."""
    from dataclasses import asdict

    from toolchain.docker import ensure_docker
    from toolchain.resolve import known_images, resolution_file, resolve

    path = resolution_file()
    if not path.exists():
        raise ToolchainError(f"No images are known yet ({path}). Run: make images")
    report = Report()
    ensure_docker(report)
    references = {service: list(answers)[-1] for service, answers in known_images().items()}
    resolved = resolve(references, report, refresh=refresh)
    if as_json:
        print(json.dumps({service: asdict(image) for service, image in resolved.items()}, indent=2))
        return
    for service, image in resolved.items():
        print(f"{service:<16} {image.reference:<46} {image.version:<21} {image.source}")


def main() -> None:
    """Run the command line; a failure that the user can act on is a message, not a traceback."""
    from platforms.docker.client import DockerError

    try:
        cli()
    except (ToolchainError, DockerError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
