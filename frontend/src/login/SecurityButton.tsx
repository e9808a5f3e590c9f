import { ShieldCheck } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { createPortal } from "react-dom";
import ui from "../ui/ui.module.css";

const Security = lazy(() => import("./Security"));

export function SecurityButton() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className={ui.iconButton} onClick={() => setOpen(true)} title="Security">
        <ShieldCheck size={16} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>Security</span>
      </button>
      {open
        ? createPortal(
            <Suspense>
              <Security onClose={() => setOpen(false)} />
            </Suspense>,
            document.body,
          )
        : null}
    </>
  );
}
