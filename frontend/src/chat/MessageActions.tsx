import { GitBranch, Pencil, RotateCcw } from "lucide-react";
import { useContext } from "react";
import { asWritten } from "../live/as-written";
import { branchFrom, replaceMessage } from "../live/history";
import { useThread } from "../live/thread-store";
import { CopyButton } from "../ui/CopyButton";
import { IconButton } from "../ui/IconButton";
import { toast } from "../ui/toasts";
import { beginEdit } from "./editing";
import { OpenSession } from "./navigation";

const WAIT = "The agent is working";

/** What can be done with a message of the person. */
export function MessageActions({ id, text, className }: { id: string; text: string; className: string }) {
  const busy = useBusy();
  return (
    <div className={className}>
      <IconButton
        icon={Pencil}
        label={busy ? `Edit (${WAIT})` : "Edit"}
        disabled={busy}
        onClick={() => void beginEdit(id, text)}
      />
      <CopyButton text={() => text} label="Copy message" />
      <BranchButton id={id} />
    </div>
  );
}

interface AnswerActionsProps {
  /** The last row of the answer. */
  id: string;
  /** Its closing text, if there is one. */
  text: string;
  /** The message it answers, where it is the last one. */
  asked: { message_id: string; content: string } | undefined;
  failed: boolean;
  className: string;
}

/** What can be done with an answer. */
export function AnswerActions({ id, text, asked, failed, className }: AnswerActionsProps) {
  const busy = useBusy();
  const again = async (message: string, content: string) => {
    const written = await asWritten(message, content);
    if (written === null) return;
    const problem = await replaceMessage(message, written);
    if (problem !== null) toast(problem);
  };
  return (
    <div className={className}>
      {text ? <CopyButton text={() => text} label="Copy answer" /> : null}
      {asked ? (
        <IconButton
          icon={RotateCcw}
          label={failed ? "Try again" : "Answer again"}
          disabled={busy}
          onClick={() => void again(asked.message_id, asked.content)}
        />
      ) : null}
      <BranchButton id={id} />
    </div>
  );
}

function BranchButton({ id }: { id: string }) {
  const open = useContext(OpenSession);
  const branch = async () => {
    const session = await branchFrom(id);
    if (session === null) return;
    open(session);
    toast("This is a new session with all up to that message.");
  };
  return <IconButton icon={GitBranch} label="Branch from here" onClick={() => void branch()} />;
}

const useBusy = (): boolean => useThread((state) => state.live !== null || state.sending !== null);
