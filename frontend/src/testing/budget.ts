import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const KIB = 1024;
const LIMITS = { js: 330 * KIB, css: 40 * KIB };

/** Fails the build when the first load grows over its budget (gzip). */
export function budget(): Plugin {
  return {
    name: "propylon-budget",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const first = new Set(
          Object.values(bundle).flatMap((file) => (file.type === "chunk" && file.isEntry ? [file] : [])),
        );
        for (const chunk of first)
          for (const name of chunk.imports) {
            const imported = bundle[name];
            if (imported?.type === "chunk") first.add(imported);
          }
        const styles = Object.values(bundle).flatMap((file) =>
          file.type === "asset" && file.fileName.endsWith(".css") ? [file.source] : [],
        );
        const sizes = { js: total([...first].map(({ code }) => code)), css: total(styles) };
        const words = `first load: ${kib(sizes.js)} JS, ${kib(sizes.css)} CSS (gzip)`;
        if (sizes.js > LIMITS.js || sizes.css > LIMITS.css)
          this.error(`${words}; the budget is ${kib(LIMITS.js)} and ${kib(LIMITS.css)}`);
        this.info(words);
      },
    },
  };
}

const total = (texts: (string | Uint8Array)[]): number =>
  texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);

const kib = (bytes: number): string => `${(bytes / KIB).toFixed(1)} KiB`;
