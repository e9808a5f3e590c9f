import { X } from "lucide-react";
import { useEffect, useState } from "react";
import { dismissToast, type Toast, useToasts } from "./toasts";
import styles from "./toasts.module.css";
import ui from "./ui.module.css";

const SHOWN_MS = 10_000;

export function Toasts() {
  const toasts = useToasts((state) => state.toasts);
  return (
    <section className={styles.toasts} aria-label="Notifications" aria-live="polite">
      {toasts.map((toast) => (
        <ToastView key={toast.id} toast={toast} />
      ))}
    </section>
  );
}

/** Stays while the pointer or the focus is on it. */
function ToastView({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => dismissToast(toast.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, toast.id]);
  const act = () => {
    dismissToast(toast.id);
    toast.action?.run();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only waits while someone is at it
    <div
      className={styles.toast}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p>{toast.text}</p>
      {toast.action ? (
        <button type="button" className={styles.act} onClick={act}>
          {toast.action.label}
        </button>
      ) : null}
      <button type="button" className={`${ui.iconButton} ${ui.small}`} onClick={() => dismissToast(toast.id)}>
        <X size={14} strokeWidth={1.75} aria-hidden />
        <span className={ui.hidden}>Dismiss</span>
      </button>
    </div>
  );
}
