import type { LanguageFn } from "highlight.js";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

const grammars: Record<string, LanguageFn> = {
  bash,
  cpp,
  css,
  diff,
  go,
  ini,
  java,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
};

const lowlight = createLowlight(grammars);
lowlight.registerAlias({
  bash: ["console", "shell", "zsh"],
  json: ["jsonc"],
  javascript: ["jsx"],
  typescript: ["tsx"],
});

export type Tree = ReturnType<typeof lowlight.highlight>;

/** The coloured tree of a piece of code, or null for a language without a grammar here. */
export const highlight = (language: string, code: string): Tree | null =>
  lowlight.registered(language) ? lowlight.highlight(language, code) : null;
