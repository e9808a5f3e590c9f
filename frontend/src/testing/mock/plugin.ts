import type { Connect, Plugin } from "vite";
import { answer } from "./server.ts";

/** The policy the real server sends. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const PREFIX = "/any/prefix";

/** A server that plays a made-up agent, for work on the page alone. Built pages also answer below a path prefix. */
export function mockServer(): Plugin {
  const api: Connect.NextHandleFunction = (request, response, next) => {
    if (!answer(request, response)) next();
  };
  return {
    name: "propylon-mock-server",
    configureServer: ({ middlewares }) => {
      middlewares.use(api);
    },
    configurePreviewServer: ({ middlewares }) => {
      middlewares.use((request, response, next) => {
        response.setHeader("Content-Security-Policy", POLICY);
        if (request.url?.startsWith(`${PREFIX}/`)) request.url = request.url.slice(PREFIX.length);
        next();
      });
      middlewares.use(api);
    },
  };
}
