import {
  Bot,
  Brain,
  CircleAlert,
  FileText,
  Globe,
  Image,
  ListTodo,
  type LucideIcon,
  Search,
  SquarePen,
  Terminal,
  Wrench,
} from "lucide-react";
import { memo } from "react";
import type { ToolCall, ToolRow } from "../../api/types";
import { duration, wholeDuration } from "../../ui/format";
import { useServerNow } from "../../ui/server-clock";
import { describe, readArgs, type Topic } from "./describe";
import { StepLine } from "./StepLine";
import { Subagents } from "./Subagents";
import styles from "./steps.module.css";
import { ToolDetails } from "./ToolDetails";

const ICONS: Record<Topic, LucideIcon> = {
  command: Terminal,
  read: FileText,
  edit: SquarePen,
  search: Search,
  web: Globe,
  memory: Brain,
  plan: ListTodo,
  agent: Bot,
  image: Image,
  other: Wrench,
};

interface ToolStepProps {
  call: ToolCall;
  row: ToolRow | undefined;
  running: boolean;
}

export const ToolStep = memo(function ToolStep({ call, row, running }: ToolStepProps) {
  const { name } = call.function;
  const args = readArgs(call.function.arguments);
  const { topic, doing, did, object } = describe(name, args);
  const failed = row?.is_error === true;
  return (
    <div data-tool={name} data-tool-state={running ? "running" : failed ? "failed" : "done"}>
      <StepLine
        id={`tool ${call.id}`}
        icon={failed ? CircleAlert : ICONS[topic]}
        verb={running ? doing : did}
        object={object}
        tone={failed ? "failed" : running ? "running" : undefined}
        end={running ? <Elapsed since={row?.started_at ?? 0} /> : row ? <Ending row={row} /> : null}
      >
        {() => <ToolDetails call={call} args={args} row={row} running={running} />}
      </StepLine>
      {row?.subagents ? <Subagents subagents={row.subagents} /> : null}
    </div>
  );
});

function Ending({ row }: { row: ToolRow }) {
  if (row.interrupted) return <span className={styles.failedWord}>stopped</span>;
  return (
    <>
      {row.is_error ? <span className={styles.failedWord}>failed</span> : null}
      {duration(row.duration)}
    </>
  );
}

export function Elapsed({ since }: { since: number }) {
  const now = useServerNow();
  return since > 0 ? wholeDuration(now - since) : null;
}
