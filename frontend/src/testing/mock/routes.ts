import type { IncomingMessage, ServerResponse } from "node:http";

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

export type Handler = (query: URLSearchParams, body: Record<string, string>, io: Exchange) => unknown;

export type Routes = Record<string, Handler>;

export class Refusal extends Error {
  readonly status: number;
  readonly more: Record<string, unknown>;
  constructor(status: number, message: string, more: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.more = more;
  }
}
