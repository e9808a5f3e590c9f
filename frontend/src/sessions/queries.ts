import { QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { listSessions, serverStatus } from "../api/endpoints";
import type { SessionRow } from "../api/types";
import { setServerTime } from "../ui/server-clock";

const REFRESH_AFTER_MS = 150;

export const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 30_000, retry: 2, refetchOnWindowFocus: false } },
});

const SESSIONS = ["sessions"];

export function useSessions() {
  const query = useInfiniteQuery({
    queryKey: SESSIONS,
    queryFn: async ({ pageParam, signal }) => {
      const page = await listSessions(pageParam, signal);
      setServerTime(page.server_time);
      return page;
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
  const sessions = useMemo(() => onlyOnce(query.data?.pages.flatMap((page) => page.sessions) ?? []), [query.data]);
  return { ...query, sessions };
}

/** A session that moved between two pages while they were read is shown once. */
function onlyOnce(rows: SessionRow[]): SessionRow[] {
  const seen = new Set<string>();
  return rows.filter(({ session_id }) => !seen.has(session_id) && seen.add(session_id));
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Reads the list again soon; several changes at once cost one reading. */
export function refreshSessions(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void queries.invalidateQueries({ queryKey: SESSIONS }), REFRESH_AFTER_MS);
}

export function useServerStatus() {
  return useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => serverStatus(signal),
    refetchInterval: ({ state }) => (state.data?.agent.state === "ready" ? false : 3_000),
  }).data;
}
