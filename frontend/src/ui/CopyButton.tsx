import { Check, Copy, X } from "lucide-react";
import { useEffect, useState } from "react";
import { classes } from "./classes";
import ui from "./ui.module.css";

const SHOWN_MS = 1500;

export function CopyButton({ text, label, className }: { text: () => string; label: string; className?: string }) {
  const [result, setResult] = useState<"copied" | "refused" | null>(null);
  useEffect(() => {
    if (result === null) return;
    const timer = setTimeout(() => setResult(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () =>
    copyText(text()).then(
      () => setResult("copied"),
      () => setResult("refused"),
    );
  const said = result === "copied" ? "Copied" : result === "refused" ? "Could not copy" : label;
  const Icon = result === "copied" ? Check : result === "refused" ? X : Copy;
  return (
    <button type="button" className={classes(ui.iconButton, ui.small, className)} onClick={copy} title={said}>
      <Icon size={14} strokeWidth={1.75} aria-hidden />
      <span className={ui.hidden} aria-live="polite">
        {said}
      </span>
    </button>
  );
}

async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain HTTP has no clipboard of its own; the old way still works there.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = ui.hidden ?? "";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}
