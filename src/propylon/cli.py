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
    allowed_hosts: Annotated[str | None, _option("allowed_hosts")] = None,
    trusted_proxies: Annotated[str | None, _option("trusted_proxies")] = None,
    insecure_no_password: Annotated[bool | None, _option("insecure_no_password")] = None,
    api_redact_enabled: Annotated[bool | None, _option("api_redact_enabled")] = None,
    chat_backend: Annotated[str | None, _option("chat_backend")] = None,
    gateway_base_url: Annotated[str | None, _option("gateway_base_url")] = None,
    gateway_use_runs_api: Annotated[bool | None, _option("gateway_use_runs_api")] = None,
    gateway_allow_plain_http: Annotated[bool | None, _option("gateway_allow_plain_http")] = None,
    prefill_script: Annotated[str | None, _option("prefill_script")] = None,
    prefill_script_timeout: Annotated[float | None, _option("prefill_script_timeout")] = None,
    prefill_file: Annotated[str | None, _option("prefill_file")] = None,
    prefill_compact_file: Annotated[str | None, _option("prefill_compact_file")] = None,
    prefill_max_chars: Annotated[int | None, _option("prefill_max_chars")] = None,
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
                allowed_hosts=allowed_hosts,
                trusted_proxies=trusted_proxies,
                insecure_no_password=insecure_no_password,
                api_redact_enabled=api_redact_enabled,
                chat_backend=chat_backend,
                gateway_base_url=gateway_base_url,
                gateway_use_runs_api=gateway_use_runs_api,
                gateway_allow_plain_http=gateway_allow_plain_http,
                prefill_script=prefill_script,
                prefill_script_timeout=prefill_script_timeout,
                prefill_file=prefill_file,
                prefill_compact_file=prefill_compact_file,
                prefill_max_chars=prefill_max_chars,
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
