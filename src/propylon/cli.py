"""The command line: arguments only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from propylon.errors import Unusable
from propylon.settings import Settings

EXIT_UNUSABLE = 2

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hermes Agent in a browser; nothing shown is ever lost.",
)


def _option(field: str) -> typer.models.OptionInfo:
    """The setting's own help text, with its name in the environment."""
    info = Settings.model_fields[field]
    option: typer.models.OptionInfo = typer.Option(help=f"{info.description} [env: {info.validation_alias}]", show_default=False)
    return option


@cli.command()
def serve(
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    home: Annotated[Path | None, _option("home")] = None,
    state_dir: Annotated[Path | None, _option("state_dir")] = None,
    default_workspace: Annotated[Path | None, _option("default_workspace")] = None,
    default_model: Annotated[str | None, _option("default_model")] = None,
    python: Annotated[Path | None, _option("python")] = None,
) -> None:
    """Serve the page and the HTTP interface until stopped. Live runs go on without the server and are found again."""
    from propylon.serving import serve as run

    try:
        run(
            Settings.load(
                host=host,
                port=port,
                home=home,
                state_dir=state_dir,
                default_workspace=default_workspace,
                default_model=default_model,
                python=python,
            )
        )
    except Unusable as error:
        sys.stderr.write(f"propylon: {error}\n")
        raise typer.Exit(EXIT_UNUSABLE) from error


@cli.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("propylon"))


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
