import { useState } from "react";
import { allowEverything } from "../../live/settling";
import { classes } from "../../ui/classes";
import { Dialog, DialogActions } from "../../ui/Dialog";
import ui from "../../ui/ui.module.css";

export default function AllowEverything({ onClose }: { onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const allow = async () => {
    setBusy(true);
    if (await allowEverything(true)) onClose();
    else setBusy(false);
  };
  return (
    <Dialog title="Allow everything in this session?" onClose={onClose}>
      <p>
        The agent will run every command without asking, also those that delete or overwrite files. What waits for your
        permission now is allowed at once. It holds for this session until you turn it off, and is shown at the top as
        long as it does.
      </p>
      <DialogActions>
        {/* biome-ignore lint/a11y/noAutofocus: the safe choice is the one under Enter */}
        <button type="button" className={ui.button} onClick={onClose} autoFocus>
          Keep asking
        </button>
        <button type="button" className={classes(ui.button, ui.danger)} disabled={busy} onClick={() => void allow()}>
          Allow everything
        </button>
      </DialogActions>
    </Dialog>
  );
}
