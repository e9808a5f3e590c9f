import type { LucideIcon } from "lucide-react";
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { classes } from "../../ui/classes";
import { useDisclosure } from "../../ui/disclosure";
import styles from "./steps.module.css";

interface StepLineProps {
  id: string;
  icon: LucideIcon;
  verb: string;
  object?: string;
  objectIsText?: boolean;
  end?: ReactNode;
  tone?: "failed" | "running" | "turning" | "waiting" | undefined;
  children?: () => ReactNode;
}

/** One line that opens to its details in place. */
export function StepLine({ id, icon: Icon, verb, object, objectIsText, end, tone, children }: StepLineProps) {
  const [open, toggle] = useDisclosure(id);
  return (
    <div className={styles.step}>
      <button
        type="button"
        className={classes(styles.line, tone && styles[tone])}
        aria-expanded={open}
        onClick={toggle}
      >
        <Icon size={16} strokeWidth={1.75} aria-hidden className={styles.icon} />
        <span className={styles.verb}>{verb}</span>
        {object ? <span className={objectIsText ? styles.preview : styles.object}>{object}</span> : null}
        <span className={styles.end}>{end}</span>
        <ChevronRight size={14} strokeWidth={1.75} aria-hidden className={styles.chevron} />
      </button>
      {open && children ? <div className={styles.details}>{children()}</div> : null}
    </div>
  );
}
