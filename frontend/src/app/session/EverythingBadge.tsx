import { ShieldOff } from "lucide-react";
import { allowEverything } from "../../live/settling";
import { useThread } from "../../live/thread-store";
import { toast } from "../../ui/toasts";
import styles from "./session.module.css";

/** As long as the agent asks for nothing, the header says so; one click ends it. */
export function EverythingBadge() {
  const on = useThread((state) => state.session?.yolo_enabled === true);
  if (!on) return null;
  const off = async () => {
    if (await allowEverything(false)) toast("The agent asks again before flagged commands.");
  };
  return (
    <button
      type="button"
      className={styles.everything}
      onClick={() => void off()}
      title="The agent runs every command without asking. Click to turn this off."
    >
      <ShieldOff size={14} strokeWidth={2} aria-hidden />
      <span className={styles.long}>Everything allowed</span>
      <span className={styles.short}>All allowed</span>
      <span className={styles.off}>Turn off</span>
    </button>
  );
}
