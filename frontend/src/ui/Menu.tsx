import type { LucideIcon } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { classes } from "./classes";
import styles from "./menu.module.css";
import ui from "./ui.module.css";

interface MenuProps {
  id: string;
  label: string;
  icon: LucideIcon;
  children: ReactNode;
}

/** A button and the list of actions it opens. Arrow keys, Home and End move in it; Escape closes it. */
export function Menu({ id, label, icon: Icon, children }: MenuProps) {
  const list = useRef<HTMLDivElement>(null);
  const items = () => [...(list.current?.querySelectorAll<HTMLElement>("[role^=menuitem]:not(:disabled)") ?? [])];
  const onKeyDown = (event: KeyboardEvent) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[to % all.length]?.focus();
  };
  return (
    <>
      <button type="button" className={ui.iconButton} popoverTarget={id} title={label} aria-haspopup="menu">
        <Icon size={20} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>{label}</span>
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className={styles.menu}
        onKeyDown={onKeyDown}
        onToggle={(event) => event.newState === "open" && items()[0]?.focus()}
        onClick={(event) => {
          if ((event.target as Element).closest("[role^=menuitem]")) list.current?.hidePopover();
        }}
      >
        {children}
      </div>
    </>
  );
}

interface MenuItemProps {
  icon: LucideIcon;
  label: string;
  note?: string | undefined;
  danger?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

export const MenuItem = ({ icon: Icon, label, note, danger = false, disabled = false, onClick }: MenuItemProps) => (
  <button
    type="button"
    role="menuitem"
    tabIndex={-1}
    className={classes(styles.item, danger && styles.danger)}
    disabled={disabled}
    onClick={onClick}
  >
    <Icon size={16} strokeWidth={1.75} aria-hidden />
    <span>{label}</span>
    {note ? <span className={styles.note}>{note}</span> : null}
  </button>
);

export const MenuLine = () => <hr className={styles.line} />;

export const MenuNote = ({ children }: { children: ReactNode }) => <p className={styles.words}>{children}</p>;
