import { Bot, CircleAlert, CircleCheck, CircleSlash, LoaderCircle, type LucideIcon } from "lucide-react";
import { memo, useState } from "react";
import type { Subagent, SubagentTool } from "../../api/types";
import { count, duration, plural } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import { Markdown } from "../markdown/Markdown";
import { describe } from "./describe";
import { StepLine } from "./StepLine";
import styles from "./steps.module.css";
import { Elapsed } from "./ToolStep";

const LONG_SUMMARY = 700;
const MOST_LEVELS = 4;

const STATES: Record<string, { icon: LucideIcon; word: string }> = {
  running: { icon: LoaderCircle, word: "Working" },
  completed: { icon: CircleCheck, word: "Done" },
  interrupted: { icon: CircleSlash, word: "Stopped" },
  cancelled: { icon: CircleSlash, word: "Stopped" },
  timeout: { icon: CircleAlert, word: "Out of time" },
  failed: { icon: CircleAlert, word: "Failed" },
  error: { icon: CircleAlert, word: "Failed" },
};

/** Those who were given a task, each with those it gave a task to. */
export function Subagents({ subagents }: { subagents: readonly Subagent[] }) {
  const known = new Set(subagents.map(({ id }) => id));
  return <Level of="" all={subagents.map((one) => (known.has(one.parent) ? one : { ...one, parent: "" }))} depth={0} />;
}

function Level({ of, all, depth }: { of: string; all: readonly Subagent[]; depth: number }) {
  const here = all.filter(({ parent, id }) => parent === of && id !== of).sort((a, b) => a.index - b.index);
  if (here.length === 0 || depth >= MOST_LEVELS) return null;
  return (
    <ul className={styles.subagents} aria-label={depth === 0 ? "Subagents" : undefined}>
      {here.map((subagent) => (
        <li key={subagent.id} data-subagent={subagent.status}>
          <SubagentStep subagent={subagent} />
          <Level of={subagent.id} all={all} depth={depth + 1} />
        </li>
      ))}
    </ul>
  );
}

const SubagentStep = memo(function SubagentStep({ subagent }: { subagent: Subagent }) {
  const { id, goal, status, tools, tool_count } = subagent;
  const running = status === "running";
  const { icon, word } = STATES[status] ?? { icon: Bot, word: status || "Ended" };
  const bad = status !== "completed" && !running;
  const current = tools.at(-1);
  return (
    <>
      <StepLine
        id={`subagent ${id}`}
        icon={icon}
        verb={word}
        object={goal || "A subagent"}
        objectIsText
        tone={running ? "turning" : bad ? "failed" : undefined}
        end={
          <>
            {tool_count > 0 ? <span>{plural(tool_count, "tool")}</span> : null}
            <span>{running ? <Elapsed since={subagent.started_at} /> : duration(subagent.duration ?? 0)}</span>
          </>
        }
      >
        {() => <Details subagent={subagent} />}
      </StepLine>
      <p className={styles.current}>
        {running ? wordsOf(current) : firstWords(subagent.summary) || "Without a report"}
      </p>
    </>
  );
});

function wordsOf(tool: SubagentTool | undefined): React.ReactNode {
  if (tool === undefined) return "Starting";
  return (
    <>
      {describe(tool.name, {}).doing} {tool.preview ? <code>{tool.preview}</code> : null}
    </>
  );
}

const firstWords = (summary = ""): string =>
  (summary.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "")
    .slice(0, 200)
    .replace(/^[-*\s]+|[*_`]/g, "");

function Details({ subagent }: { subagent: Subagent }) {
  const { goal, model, tools, tool_count, input_tokens = 0, output_tokens = 0, summary = "" } = subagent;
  const facts = [
    model,
    input_tokens + output_tokens > 0 ? `${count(input_tokens)} tokens in, ${count(output_tokens)} out` : "",
  ].filter(Boolean);
  return (
    <>
      <p className={styles.goal}>{goal}</p>
      {facts.length > 0 ? <p className={styles.quiet}>{facts.join(" · ")}</p> : null}
      {tools.length > 0 ? (
        <ol className={styles.used}>
          {tool_count > tools.length ? <li>{plural(tool_count - tools.length, "tool")} before these</li> : null}
          {tools.map((tool, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list of one subagent only grows
            <li key={index}>
              {describe(tool.name, {}).did} {tool.preview ? <code>{tool.preview}</code> : null}
            </li>
          ))}
        </ol>
      ) : null}
      {summary ? <Summary text={summary} /> : null}
    </>
  );
}

function Summary({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const long = text.length > LONG_SUMMARY;
  return (
    <div className={styles.report}>
      <div className={long && !whole ? styles.cut : undefined}>
        <Markdown text={text} growing={false} />
      </div>
      {long ? (
        <button type="button" className={ui.button} onClick={() => setWhole(!whole)}>
          {whole ? "Show less" : "Show all of the report"}
        </button>
      ) : null}
    </div>
  );
}
