import { useState } from "react";
import { readToolPart } from "../../api/endpoints";
import type { ToolCall, ToolRow } from "../../api/types";
import { useThread } from "../../live/thread-store";
import { CopyButton } from "../../ui/CopyButton";
import { size } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import { Diff, Output } from "./Output";
import { patchDiff, readResult, replaceDiff } from "./result";
import styles from "./steps.module.css";

interface ToolDetailsProps {
  call: ToolCall;
  args: Record<string, unknown>;
  row: ToolRow | undefined;
  running: boolean;
}

export function ToolDetails({ call, args, row, running }: ToolDetailsProps) {
  return (
    <>
      <Arguments name={call.function.name} args={args} id={call.id} sizes={row?.args_sizes ?? {}} />
      {running ? <p className={styles.quiet}>No result yet.</p> : row ? <ToolResult row={row} /> : null}
    </>
  );
}

interface ArgumentsProps {
  name: string;
  args: Record<string, unknown>;
  id: string;
  sizes: Record<string, number>;
}

function Arguments({ name, args, id, sizes }: ArgumentsProps) {
  if (name === "patch" && typeof args.old_string === "string" && typeof args.new_string === "string")
    return <Diff lines={replaceDiff(args.old_string, args.new_string)} />;
  if (name === "patch" && typeof args.patch === "string") return <Diff lines={patchDiff(args.patch)} />;
  return Object.entries(args).map(([key, value]) => (
    <CutText key={key} label={key} part={key} tool={id} text={asText(value)} full={sizes[key]} />
  ));
}

function ToolResult({ row }: { row: ToolRow }) {
  if (row.interrupted && row.content === "") return <p className={styles.quiet}>Stopped before it returned.</p>;
  return (
    <CutText
      label="result"
      part="result"
      tool={row.tool_call_id}
      text={row.content}
      full={row.content_size}
      read={readResult}
    />
  );
}

interface CutTextProps {
  label: string;
  tool: string;
  part: string;
  text: string;
  /** Size of the whole in bytes where `text` is only its beginning. */
  full: number | undefined;
  read?: (text: string) => { text: string; note: string };
}

const title = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

const plain = (text: string) => ({ text, note: "" });

function CutText({ label, tool, part, text, full, read = plain }: CutTextProps) {
  const [whole, setWhole] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const session = useThread((state) => state.sessionId);
  const shown = read(whole ?? text);
  const cut = full !== undefined && whole === null;
  const fetchWhole = () => {
    setProblem("");
    if (session === null) return;
    readToolPart(session, tool, part).then(setWhole, (error: Error) => setProblem(error.message));
  };
  return (
    <section className={styles.part}>
      <header>
        <span>{title(label)}</span>
        <CopyButton text={() => shown.text} label={`Copy ${label}`} />
      </header>
      {shown.note ? <p className={styles.note}>{shown.note}</p> : null}
      {shown.text ? <Output text={shown.text} label={label} fromEnd={part === "result" && !cut} /> : null}
      {shown.text === "" && shown.note === "" ? <p className={styles.quiet}>Nothing was returned.</p> : null}
      {cut ? (
        <button type="button" className={ui.button} onClick={fetchWhole}>
          Show all {size(full)}
        </button>
      ) : null}
      {problem ? <p className={styles.note}>{problem}</p> : null}
    </section>
  );
}

const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
