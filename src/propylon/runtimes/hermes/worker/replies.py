"""What the built-in demo model says. Pure: the messages and tools of a request in, a step out.

It has no intelligence: a few plain intents of the last message drive the agent's real tools, so that a page can be tried with no provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .script import Message, Step, text_of, words

PACE = 80.0
"""Words a second."""
FIRST = 0.12
"""Seconds before the first word."""
SHOWN = 24
"""Names or lines of a tool's result that an answer repeats."""

WHO = (
    "I am the **built-in demo model** of Propylon. I have no intelligence at all: I recognise a few plain requests and drive "
    "Hermes's real tools with them, so that you can see how everything looks before you connect a provider."
)
CONNECT = "To talk to a real model, run `hermes model` in a terminal, choose a provider there, then start a new session here."
EXAMPLES = """Things you can send me:

- *list the files here*
- *read notes.txt*
- *write a haiku to poem.txt*
- *run `ls -la`*
- *ask for permission* (a flagged command)
- *ask me a question*
- *think aloud*
- *show me markdown*"""
HAIKU = "Morning at the gate —\na message slips through the door;\nnothing shown is lost.\n"
MARKDOWN = '''# A page of markdown

Paragraphs flow with **bold**, *italic*, `inline code`, ~~struck~~ words and [a link](https://example.org/).

## A table

| Format | Extension | Since | Good for |
|:-------|:---------:|------:|----------|
| Markdown | `.md` | 2004 | notes, answers |
| JSON | `.json` | 2001 | data between programs |
| SQLite | `.db` | 2000 | almost everything else |

## Code

```python
from collections.abc import Iterator


def primes() -> Iterator[int]:
    """Every prime, one after the other."""
    found: list[int] = []
    n = 2
    while True:
        if all(n % p for p in found):
            found.append(n)
            yield n
        n += 1
```

```diff
- the answer is lost when the page reloads
+ the answer is still there when the page reloads
```

```sh
hermes model   # choose a provider
```

## Lists

1. First, a numbered list,
2. whose second entry has entries of its own:
   - one,
   - two, with `code`,
   - and three.
3. And a last one.

- [x] a task that is done
- [ ] a task that is not

> A quotation stands apart from the text around it,
> even over several lines.

### A smaller heading

A long line without any break, to see how it wraps: `/a/rather/long/path/that/goes/on/and/on/through/many/folders/until/it/ends.txt`.

---

And a rule above the last paragraph. $E = mc^2$, for those who write formulas.
'''
THOUGHTS = (
    "The person asks me to think aloud. I have nothing to think with, but I can show where thoughts would stand. "
    "First I would look at what is known. Then I would list what is missing. "
    "After that I would weigh the ways to go on, and choose the one that is easiest to undo. "
    "Finally I would check the result against the question."
)


@dataclass(frozen=True)
class Talk:
    """A request: the person's last words, how often the model has answered since, the tools offered, their results since."""

    text: str
    turn: int
    tools: frozenset[str]
    results: Sequence[str]

    @property
    def result(self) -> dict[str, Any]:
        """The last tool's result as an object; its text under `output` when it is none."""
        raw = self.results[-1] if self.results else ""
        try:
            found = json.loads(raw)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"output": raw}


def talk_of(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Talk:
    """The request as the intents see it."""
    last = max((i for i, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    after = messages[last + 1 :]
    return Talk(
        text=text_of(messages[last].get("content")).strip() if last >= 0 else "",
        turn=sum(1 for message in after if message.get("role") == "assistant"),
        tools=frozenset(str((tool.get("function") or {}).get("name")) for tool in tools),
        results=[text_of(message.get("content")) for message in after if message.get("role") == "tool"],
    )


def reply(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Step:
    """The demo model's next step."""
    errand = _errand(messages, tools)
    if errand:
        return Step(text=errand, usage=(60, len(words(errand))))
    talk = talk_of(messages, tools)
    for pattern, intent in _INTENTS:
        match = pattern.search(talk.text)
        if match:
            return intent(talk, match)
    return _say(f"{WHO}\n\n{EXAMPLES}\n\n{CONNECT}")


def _errand(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> str:
    """The short answer to one of the agent's own side questions (a title, a summary), or ""."""
    if tools or not messages:
        return ""
    asked = text_of(messages[0].get("content")).lower()
    last = text_of(messages[-1].get("content"))
    if "title" in asked and len(asked) < 4000:
        first = re.search(r"user:\s*(.+)", last, re.IGNORECASE)
        return " ".join((first.group(1) if first else last).split()[:6]).strip(".,;:!?\"'` ") or "A demo conversation"
    if "summar" in asked or "summar" in last.lower():
        return "The person tried the built-in demo model; its tools worked and nothing is left to do."
    return ""


def _say(text: str, *, reason: str = "", tools: Sequence[tuple[str, dict[str, Any]]] = ()) -> Step:
    said = len(words(text)) + len(words(reason))
    return Step(text=text, reason=reason, tools=tools, wait=FIRST, pause=1 / PACE, usage=(200, said + 20 * len(tools)))


def _use(talk: Talk, tool: str, arguments: dict[str, Any], text: str, reason: str = "") -> Step:
    if tool not in talk.tools:
        return _say(f"I would use the tool `{tool}` for that, but it is not switched on in this profile.")
    return _say(text, reason=reason, tools=[(tool, arguments)])


def _output(talk: Talk) -> str:
    result = talk.result
    return str(result.get("output") or result.get("content") or result.get("error") or "").strip()


def _blocked(talk: Talk) -> bool:
    return talk.result.get("status") in ("blocked", "pending_approval", "approval_required")


def _fenced(text: str) -> str:
    lines = text.splitlines()
    more = f"\n… and {len(lines) - SHOWN} more lines" if len(lines) > SHOWN else ""
    return "```\n" + "\n".join(lines[:SHOWN]) + more + "\n```"


def _list_files(talk: Talk, match: re.Match[str]) -> Step:
    if talk.turn == 0:
        if "terminal" in talk.tools:
            return _use(talk, "terminal", {"command": "ls -1Ap"}, "Let me look.", "A look at the directory will tell.")
        return _use(talk, "search_files", {"pattern": "*", "target": "files", "path": "."}, "Let me look.")
    result = talk.result
    names = [str(name) for name in result.get("files") or _output(talk).splitlines() if str(name).strip()]
    if not names:
        return _say("This directory is empty.")
    listed = "\n".join(f"- `{name}`" for name in names[:SHOWN])
    more = f"\n\n… and {len(names) - SHOWN} more." if len(names) > SHOWN else ""
    return _say(f"There {'is' if len(names) == 1 else 'are'} {len(names)} here:\n\n{listed}{more}")


def _read(talk: Talk, match: re.Match[str]) -> Step:
    path = match["path"]
    if talk.turn == 0:
        return _use(talk, "read_file", {"path": path}, f"Reading `{path}`.")
    if talk.result.get("error"):
        return _say(f"I could not read `{path}`: {talk.result['error']}")
    return _say(f"Here is what stands in `{path}`:\n\n{_fenced(_output(talk))}")


def _write(talk: Talk, match: re.Match[str]) -> Step:
    path, what = match["path"], match["what"].strip()
    if talk.turn == 0:
        text = HAIKU if "haiku" in what.lower() or "poem" in what.lower() else f"{what}\n"
        return _use(talk, "write_file", {"path": path, "content": text}, f"I will write that to `{path}`.")
    if talk.result.get("error"):
        return _say(f"That did not work: {talk.result['error']}")
    return _say(f"Done: `{path}` is written. Send *read {path}* to see it.")


def _run(talk: Talk, match: re.Match[str]) -> Step:
    command = (match["quoted"] or match["plain"] or "").strip()
    if talk.turn == 0:
        return _use(talk, "terminal", {"command": command}, f"Running `{command}`.")
    if _blocked(talk):
        return _say(f"`{command}` was refused, so I did not run it.")
    code = talk.result.get("exit_code", 0)
    output = _output(talk)
    return _say(f"It ended with exit code {code}" + (f":\n\n{_fenced(output)}" if output else " and printed nothing."))


def _permission(talk: Talk, match: re.Match[str]) -> Step:
    command = "rm -rf ./propylon-demo-scratch"
    if talk.turn == 0:
        reason = "Removing a directory is flagged as dangerous, so the agent must ask first."
        return _use(talk, "terminal", {"command": command}, f"I would like to run `{command}`, which needs your permission.", reason)
    if _blocked(talk):
        return _say(f"The command did not run and nothing was removed. This is what I was told:\n\n> {_output(talk)}")
    return _say("The command was allowed and ran. (The directory it removes is one that nobody has.)")


def _question(talk: Talk, match: re.Match[str]) -> Step:
    if talk.turn == 0:
        arguments = {"question": "Which colour do you like best?", "choices": ["Amber", "Teal", "Violet", "None of these"]}
        return _use(talk, "clarify", arguments, "I have a question.")
    answer = str(talk.result.get("user_response") or talk.result.get("error") or "nothing")
    return _say(f"This is what I was told: {answer}")


def _think(talk: Talk, match: re.Match[str]) -> Step:
    return _say("That was all the thinking I can do. The folded part above is where a real model's thoughts stand.", reason=THOUGHTS)


def _markdown(talk: Talk, match: re.Match[str]) -> Step:
    return _say(MARKDOWN)


def _about(talk: Talk, match: re.Match[str]) -> Step:
    return _say(f"{WHO}\n\n{EXAMPLES}\n\n{CONNECT}")


def _greet(talk: Talk, match: re.Match[str]) -> Step:
    return _say(f"Hello! {WHO}\n\n{EXAMPLES}\n\n{CONNECT}")


Intent = Callable[[Talk, re.Match[str]], Step]
_INTENTS: tuple[tuple[re.Pattern[str], Intent], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), intent)
    for pattern, intent in (
        (r"\brun(?:\s+the command)?\s*(?:`(?P<quoted>[^`]+)`|[:]\s*(?P<plain>[^\n]+))", _run),
        (r"\bwrite\s+(?P<what>.+?)\s+(?:to|into|in)\s+(?:a file called\s+|the file\s+)?[`\"']?(?P<path>[\w./-]*\.\w+)", _write),
        (r"\b(?:list|show|what)\b[^.?!\n]*\bfiles?\b", _list_files),
        (r"\b(?:permission|approval|dangerous)\b", _permission),
        (r"\bask\b.*\bquestion|\bask me\b", _question),
        (r"\b(?:read|open|cat)\s+(?:me\s+)?(?:the file\s+)?[`\"']?(?P<path>[\w./-]*\.\w+)", _read),
        (r"\bmarkdown\b", _markdown),
        (r"\bthink", _think),
        (r"\bwhat (?:can|do) you\b|\bwho are you\b|\bhelp\b", _about),
        (r"^\W*(?:hi|hello|hey|good (?:morning|evening|day))\b", _greet),
    )
)
