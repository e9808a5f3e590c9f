const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address if a person may be led there; relative ones lead nowhere from here. */
export function safeAddress(address: string | undefined): URL | null {
  if (address === undefined || !URL.canParse(address)) return null;
  const url = new URL(address);
  return SCHEMES.has(url.protocol) ? url : null;
}

export const isWeb = (url: URL): boolean => url.protocol !== "mailto:";
