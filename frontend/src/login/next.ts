const PATH = /^\/(?![/\\])[^\s\\\p{Cc}]*$/u;

/**
 * Where to go after the login, relative to this page: one leading `/`, then neither `/` nor a backslash, no control characters;
 * else the start page. The server's `next_path` follows the same rule.
 */
export function nextPath(search: string, hash: string): string {
  const wanted = new URLSearchParams(search).get("next") ?? "/";
  return `./${PATH.test(wanted) && wanted.length <= 2000 ? wanted.slice(1) : ""}${hash}`;
}

/** The login page, which leads back to what is open now. */
export const loginAddress = (hash: string): string => `login?next=%2F${hash}`;
