import { loginAddress } from "../login/next";

const TIMEOUT_MS = 60_000;

/** A refusal or a failure to reach the server; `status` is 0 when no answer came. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string | null;
  readonly activeStreamId: string | null;
  /** All that the server said about it. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, message: string, body: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.body = body;
    this.code = typeof body.code === "string" ? body.code : null;
    this.activeStreamId = typeof body.active_stream_id === "string" ? body.active_stream_id : null;
  }
}

/** A failure as a sentence for a person. */
export const sentence = (error: unknown): string => (error instanceof Error ? error.message : "Something went wrong.");

/** Addresses stay relative to the page, so that it works below any path prefix. */
export function address(path: string, query: Record<string, string | number | null | undefined> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length > 0 ? `${path}?${search}` : path;
}

export const get = async <T>(url: string, signal?: AbortSignal): Promise<T> => (await call(url, { signal })).json();

export const getText = async (url: string): Promise<string> => (await call(url, {})).text();

export const post = async <T>(url: string, body: unknown, headers: Record<string, string> = {}): Promise<T> =>
  (
    await call(url, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...headers },
    })
  ).json();

async function call(url: string, init: Omit<RequestInit, "signal"> & { signal?: AbortSignal | undefined }) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The server cannot be reached.");
  }
  if (response.status === 401 && !url.startsWith("api/auth/")) location.assign(loginAddress(location.hash));
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string): string | null => (typeof fields[name] === "string" ? fields[name] : null);
  const message = text("error") ?? text("message") ?? text("detail") ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, message, fields);
}
