import { ASKING } from "./scenarios-asking.ts";

/** What the made-up agent does, chosen by words in the message: pause in milliseconds, kind, data. */
export interface Scenario {
  events: [pauseMs: number, kind: string, data: Record<string, unknown>][];
  /** Full texts of what frames cut, by "<tool call> <part>". */
  full?: Record<string, string>;
  /** Does not listen to words said while it works. */
  deaf?: boolean;
  /** Each connection is dropped after this time. */
  dropsAfterMs?: number;
}

export type Events = Scenario["events"];

let calls = 0;

const pieces = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];
export const say = (text: string, pause = 14): Events => pieces(text).map((piece) => [pause, "token", { text: piece }]);
export const think = (text: string): Events => pieces(text).map((piece) => [18, "reasoning", { text: piece }]);
export const END: Events = [
  [
    20,
    "done",
    {
      session_id: "",
      end: 0,
      usage: {
        input_tokens: 12_400,
        output_tokens: 830,
        cache_read_tokens: 9000,
        reasoning_tokens: 210,
        estimated_cost: 0.0184,
        context_length: 0,
        threshold_tokens: 0,
        last_prompt_tokens: 0,
      },
    },
  ],
  [10, "stream_end", { session_id: "" }],
];

export function use(
  name: string,
  args: Record<string, unknown>,
  result: string,
  { ms = 350, failed = false, id = `call_${++calls}`, size = 0 } = {},
): Events {
  return [
    [40, "tool", { tid: id, name, args, preview: "", at: 1_750_000_000 + calls * 2, args_sizes: {} }],
    [
      ms,
      "tool_complete",
      { tid: id, name, result, duration: ms / 1000, is_error: failed, result_size: size || new Blob([result]).size },
    ],
  ];
}

export const command = (line: string, output: string, options = {}) =>
  use("terminal", { command: line }, JSON.stringify({ output, exit_code: 0, error: null }), options);

export function scenarioFor(message: string): Scenario {
  const text = message.toLowerCase();
  const found = SCENARIOS.find(([words]) => words.some((word) => text.includes(word)));
  return (found?.[1] ?? hello)();
}

const SCENARIOS: [words: string[], make: () => Scenario][] = [
  [["markdown"], markdown],
  [["tool", "list the files"], tools],
  [["haiku"], haiku],
  [["fail"], failure],
  ...ASKING,
  [["quiet"], quiet],
  [["drop"], dropped],
  [["large"], large],
  [["long story"], story],
];

function hello(): Scenario {
  return {
    events: [
      ...think("The person wants an overview. I keep it short and concrete."),
      ...say(
        "I can work in this folder for you:\n\n- **Read and edit files**, with every change shown as a diff\n- **Run commands** such as tests or builds\n- **Search** the code or the web\n\nTell me what you want done, or ask about a file by name.",
      ),
      ...END,
    ],
  };
}

function haiku(): Scenario {
  const poem = "Columns at the gate\nwords pass through one by one\nnothing shown is lost\n";
  return {
    events: [
      ...use("write_file", { path: "poem.txt", content: poem }, JSON.stringify({ bytes_written: 72 }), { ms: 220 }),
      ...say(
        "I wrote the haiku to `poem.txt`:\n\n> Columns at the gate  \n> words pass through one by one  \n> nothing shown is lost",
      ),
      ...END,
    ],
  };
}

function tools(): Scenario {
  return {
    events: [
      ...think("First I look at the folder, then at the tests. The uploader is the likely place for a retry."),
      ...say("I look at the project first."),
      ...command(
        "ls -la",
        "total 24\ndrwxr-xr-x 5 user user 4096 src\ndrwxr-xr-x 3 user user 4096 tests\n-rw-r--r-- 1 user user 1204 README.md\n",
      ),
      ...use(
        "search_files",
        { pattern: "def upload", path: "src" },
        JSON.stringify({ total_count: 1, matches: [{ path: "src/uploader.py", line: 14 }] }),
      ),
      ...use(
        "read_file",
        { path: "src/uploader.py" },
        JSON.stringify({ content: "14|def upload(path):\n15|    return post(path)\n", total_lines: 16 }),
      ),
      ...think("A retry with back-off around post is enough."),
      ...use(
        "patch",
        {
          path: "src/uploader.py",
          old_string: "def upload(path):\n    return post(path)",
          new_string:
            "def upload(path):\n    for pause in (0.5, 1, 2):\n        try:\n            return post(path)\n        except ConnectionError:\n            sleep(pause)\n    return post(path)",
        },
        JSON.stringify({ success: true, diff: "" }),
        { ms: 500 },
      ),
      ...use(
        "terminal",
        { command: "pytest -q tests/test_uploader.py" },
        JSON.stringify({
          output:
            "\u001b[31mF\u001b[0m..  [100%]\n\u001b[1;31mFAILED\u001b[0m tests/test_uploader.py::test_retry - NameError: name 'sleep' is not defined\n1 failed, 2 passed in 0.41s\n",
          exit_code: 1,
        }),
        { ms: 1200, failed: true },
      ),
      ...use(
        "patch",
        {
          path: "src/uploader.py",
          old_string: "import requests",
          new_string: "from time import sleep\n\nimport requests",
        },
        JSON.stringify({ success: true }),
        { ms: 300 },
      ),
      ...command(
        "pytest -q",
        "\u001b[32m.\u001b[0m\u001b[32m.\u001b[0m\u001b[32m.\u001b[0m  [100%]\n\u001b[32m3 passed\u001b[0m in 0.38s\n",
        { ms: 1400 },
      ),
      ...use("web_search", { query: "exponential back-off jitter best practice" }, JSON.stringify({ results: [] }), {
        ms: 700,
      }),
      ...say(
        "The uploader now tries again up to three times, waiting 0.5, 1 and 2 seconds in between. The first test run failed because `sleep` was not imported; I added the import and **all three tests pass**.\n\nThe change is in `src/uploader.py`.",
      ),
      ...END,
    ],
  };
}

function failure(): Scenario {
  return {
    events: [
      ...say("I start by reading the configuration, then I "),
      [
        300,
        "apperror",
        {
          session_id: "",
          type: "connection",
          label: "The provider cannot be reached",
          message: "No connection to the model provider came about.",
          hint: "Check the network and the provider's address with `hermes model`, then send the message again.",
          details:
            "httpx.ConnectError: [Errno 111] Connection refused\n  at POST https://provider.example/v1/chat/completions\n  attempt 3 of 3",
        },
      ],
    ],
  };
}

function quiet(): Scenario {
  return {
    events: [
      ...say("I wait for a slow thing."),
      ...command("sleep 90", "", { ms: 90_000 }),
      ...say("It is over."),
      ...END,
    ],
  };
}

function dropped(): Scenario {
  return {
    events: [...say(Array.from({ length: 60 }, (_, n) => `word${n + 1}`).join(" "), 60), ...END],
    dropsAfterMs: 900,
  };
}

function story(): Scenario {
  const paragraph =
    "The gate stood open all night, and whoever came by could see the lamps behind it burning without a sound. ";
  return { events: [...say(Array.from({ length: 30 }, (_, n) => `${n + 1}. ${paragraph}`).join("\n\n"), 12), ...END] };
}

function large(): Scenario {
  const id = `call_${++calls}`;
  const whole = Array.from({ length: 4000 }, (_, n) => `line ${n + 1} of a long log that does not fit`).join("\n");
  const cut = whole.slice(0, 65_536);
  return {
    events: [
      ...use("read_file", { path: "build.log" }, cut, { id, size: whole.length }),
      ...say("That is a long log."),
      ...END,
    ],
    full: { [`${id} result`]: whole },
  };
}

const FENCE = "```";

function markdown(): Scenario {
  return {
    events: [
      ...think("They want to see what formatting looks like. I show the usual elements once each."),
      ...say(`## What an answer can look like

Plain text with **bold**, *italic*, \`inline code\`, a [link](https://hermes-agent.nousresearch.com/docs "docs") and a footnote-free life.

### Lists

1. Read the failing test
2. Find the cause
   - check the inputs
   - check the clock
3. Fix it

- [x] written
- [ ] reviewed

### Code

${FENCE}python
from pathlib import Path


def count_lines(folder: Path) -> dict[str, int]:
    """Lines of each Python file, by name."""
    return {
        path.name: len(path.read_text().splitlines())
        for path in sorted(folder.rglob("*.py"))  # a long comment so that this line has to scroll inside its box
    }
${FENCE}

### Table

| File | Lines | Changed | What for |
|---|---:|---|---|
| \`uploader.py\` | 214 | yes | retry with back-off |
| \`client.py\` | 1,032 | no | unchanged, but read to understand how sessions are kept between requests |
| \`test_uploader.py\` | 96 | yes | two new cases |

> A quotation stands back a little, so that the answer's own words stay in front.

![A picture of a gate](https://images.example.org/gate.png)

That is all there is to it.`),
      ...END,
    ],
  };
}
