import { useQuery } from "@tanstack/react-query";
import { sentence } from "../../api/client";
import { readServers } from "../../api/endpoints";
import type { McpServer } from "../../api/types";
import { Dialog } from "../../ui/Dialog";
import { plural } from "../../ui/format";
import ui from "../../ui/ui.module.css";
import styles from "./session.module.css";

const STATES: Record<McpServer["status"], string> = {
  connecting: "Connecting",
  connected: "Connected",
  failed: "Not connected",
  disabled: "Switched off",
};

const ASK_AGAIN_MS = 2000;

/** The MCP servers of the session's agent, and how they are. */
export default function Servers({ session, onClose }: { session: string; onClose: () => void }) {
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["servers", session],
    queryFn: ({ signal }) => readServers(session, signal),
    staleTime: 0,
    gcTime: 0,
    refetchInterval: ({ state }) => (state.data?.some(({ status }) => status === "connecting") ? ASK_AGAIN_MS : false),
  });
  return (
    <Dialog title="MCP servers" onClose={onClose}>
      {isPending ? <p className={styles.quiet}>Asking the agent</p> : null}
      {error ? (
        <p className={styles.quiet}>
          They could not be read. {sentence(error)}{" "}
          <button type="button" className={ui.button} onClick={() => refetch()}>
            Try again
          </button>
        </p>
      ) : null}
      {data && data.length === 0 ? (
        <p className={styles.quiet}>
          None. Servers stand under mcp_servers in the profile's config.yaml; the agent of this session connects to them
          when it starts.
        </p>
      ) : null}
      {data && data.length > 0 ? (
        <ul className={styles.list}>
          {data.map((server) => (
            <li key={server.name} className={styles.version}>
              <div>
                <p className={styles.preview}>{server.name}</p>
                <p className={styles.quiet}>
                  {STATES[server.status]}
                  {server.status === "connected" ? ` · ${plural(server.tools, "tool")}` : ""}
                  {server.transport ? ` · ${server.transport}` : ""}
                </p>
                {server.error ? <p className={styles.quiet}>{server.error}</p> : null}
              </div>
            </li>
          ))}
        </ul>
      ) : null}
    </Dialog>
  );
}
