/** Pages live in the fragment, so that they work below any path: `#/` is a new session, `#/s/<id>` a session. */
export const pathOf = (session: string | null): string =>
  session === null ? "/" : `/s/${encodeURIComponent(session)}`;

export const linkTo = (session: string | null): string => `#${pathOf(session)}`;

export function sessionOf(path: string): string | null {
  const id = /^\/s\/([^/]+)$/.exec(path)?.[1];
  return id === undefined ? null : decodeURIComponent(id);
}
