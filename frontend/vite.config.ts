import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { budget } from "./src/testing/budget.ts";
import { mockServer } from "./src/testing/mock/plugin.ts";

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: [react(), budget(), ...(mode === "mock" ? [mockServer()] : [])],
  build: {
    rolldownOptions: { input: ["index.html", "login.html"] },
    assetsInlineLimit: 0,
    target: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  test: {
    environment: "happy-dom",
    setupFiles: ["./src/testing/setup.ts"],
  },
}));
