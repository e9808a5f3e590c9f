import {
  Copy,
  Ellipsis,
  Eraser,
  History,
  Pencil,
  Plug,
  ShieldCheck,
  ShieldOff,
  SlidersHorizontal,
  Undo2,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { clearAll, duplicate, undoLast } from "../../live/history";
import { allowEverything } from "../../live/settling";
import { useThread } from "../../live/thread-store";
import { Menu, MenuItem, MenuLine, MenuNote } from "../../ui/Menu";
import { toast } from "../../ui/toasts";

const Versions = lazy(() => import("./Versions"));
const Permissions = lazy(() => import("./Permissions"));
const AllowEverything = lazy(() => import("./AllowEverything"));

const Settings = lazy(() => import("./Settings"));
const Servers = lazy(() => import("./Servers"));

type Open = "settings" | "versions" | "permissions" | "everything" | "servers" | null;

interface SessionMenuProps {
  model: string;
  onRename: () => void;
  onOpen: (session: string) => void;
}

/** All that is done with a session as a whole. */
export function SessionMenu({ model, onRename, onOpen }: SessionMenuProps) {
  const [open, setOpen] = useState<Open>(null);
  const session = useThread((state) => state.sessionId);
  const busy = useThread((state) => state.live !== null || state.sending !== null);
  const empty = useThread((state) => state.rows.length === 0);
  const everything = useThread((state) => state.session?.yolo_enabled === true);
  const granted = useThread((state) => state.session?.granted?.length ?? 0);
  if (session === null) return null;
  const close = () => setOpen(null);
  const copy = async () => {
    const made = await duplicate();
    if (made === null) return;
    onOpen(made);
    toast("This is the copy; the original is unchanged.");
  };
  return (
    <>
      <Menu id="session-menu" label="Session" icon={Ellipsis}>
        <MenuItem icon={Pencil} label="Rename" onClick={onRename} />
        <MenuItem icon={Copy} label="Duplicate" onClick={() => void copy()} />
        <MenuItem icon={SlidersHorizontal} label="Manner and thinking" onClick={() => setOpen("settings")} />
        <MenuItem icon={Plug} label="MCP servers" onClick={() => setOpen("servers")} />
        <MenuLine />
        <MenuItem icon={Undo2} label="Undo last exchange" disabled={busy || empty} onClick={() => void undoLast()} />
        <MenuItem icon={Eraser} label="Clear" disabled={busy || empty} onClick={() => void clearAll()} />
        <MenuItem icon={History} label="Earlier versions" onClick={() => setOpen("versions")} />
        <MenuLine />
        <MenuItem
          icon={ShieldCheck}
          label="Allowed commands"
          note={granted > 0 ? String(granted) : undefined}
          onClick={() => setOpen("permissions")}
        />
        {everything ? (
          <MenuItem
            icon={ShieldCheck}
            label="Ask before flagged commands"
            onClick={() => void allowEverything(false)}
          />
        ) : (
          <MenuItem icon={ShieldOff} label="Allow everything" danger onClick={() => setOpen("everything")} />
        )}
        {model ? (
          <>
            <MenuLine />
            <MenuNote>Model: {model}</MenuNote>
          </>
        ) : null}
      </Menu>
      <Suspense>
        {open === "settings" ? <Settings session={session} onClose={close} /> : null}
        {open === "servers" ? <Servers session={session} onClose={close} /> : null}
        {open === "versions" ? <Versions session={session} onClose={close} /> : null}
        {open === "permissions" ? <Permissions onClose={close} /> : null}
        {open === "everything" ? <AllowEverything onClose={close} /> : null}
      </Suspense>
    </>
  );
}
