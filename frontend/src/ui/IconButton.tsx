import type { LucideIcon } from "lucide-react";
import { classes } from "./classes";
import ui from "./ui.module.css";

interface IconButtonProps {
  icon: LucideIcon;
  label: string;
  onClick: () => void;
  disabled?: boolean;
  className?: string | undefined;
}

/** A small button with a drawing; its name is read out and shown on hover. */
export const IconButton = ({ icon: Icon, label, onClick, disabled = false, className }: IconButtonProps) => (
  <button
    type="button"
    className={classes(ui.iconButton, ui.small, className)}
    title={label}
    disabled={disabled}
    onClick={onClick}
  >
    <Icon size={14} strokeWidth={1.75} aria-hidden />
    <span className={ui.hidden}>{label}</span>
  </button>
);
