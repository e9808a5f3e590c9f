"""An MCP server on its standard streams: `mcp_server.py [file to wait for]`. Not a test."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mcp.server.fastmcp import Context, FastMCP
from pydantic import BaseModel

server = FastMCP("shelf")


class Consent(BaseModel):
    sure: bool = True


@server.tool()
def lookup(title: str) -> str:
    """Look a book up on the shelf."""
    return f"{title}: on the shelf, third from the left, between two others that nobody reads any more"


@server.tool()
async def burn(title: str, context: Context) -> str:  # type: ignore[type-arg]
    """Burn a book, when the person agrees."""
    answer = await context.elicit(f"Burn {title}?", Consent)
    return f"answered: {answer.action}"


if __name__ == "__main__":
    while len(sys.argv) > 1 and not Path(sys.argv[1]).exists():
        time.sleep(0.05)
    server.run()
