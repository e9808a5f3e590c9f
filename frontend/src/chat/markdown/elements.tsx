import { ImageIcon, Square, SquareCheck } from "lucide-react";
import { createContext, type ReactNode, useContext } from "react";
import type { Components } from "react-markdown";
import { CodeBlock } from "./CodeBlock";
import { isWeb, safeAddress } from "./links";
import styles from "./markdown.module.css";

/** Whether the block being drawn is complete; code is coloured only then. */
export const Closed = createContext(true);

const REL = "noopener noreferrer nofollow";

function Link({ href, children }: { href?: string | undefined; children?: ReactNode }) {
  const url = safeAddress(href);
  if (url === null) return <span title={href}>{children}</span>;
  return (
    <a href={url.href} title={url.href} rel={REL} {...(isWeb(url) ? { target: "_blank" } : {})}>
      {children}
    </a>
  );
}

/** A picture from elsewhere is never loaded here: loading it would tell that place who reads what. */
function Image({ src, alt }: { src?: string | undefined; alt?: string | undefined }) {
  const url = safeAddress(src);
  const name = alt || "Image";
  if (url === null || !isWeb(url)) return <span className={styles.image}>{name} (not available here)</span>;
  return (
    <a className={styles.image} href={url.href} title={url.href} rel={REL} target="_blank">
      <ImageIcon size={16} strokeWidth={1.75} aria-hidden />
      <span>
        {name} <span className={styles.host}>opens {url.host}</span>
      </span>
    </a>
  );
}

interface CodeNode {
  children?: { type: string; tagName?: string; properties?: { className?: unknown }; children?: unknown[] }[];
}

function Pre({ node }: { node?: unknown }) {
  const closed = useContext(Closed);
  const code = (node as CodeNode).children?.find((child) => child.tagName === "code");
  const names = Array.isArray(code?.properties?.className) ? code.properties.className.map(String) : [];
  const language = names.find((name) => name.startsWith("language-"))?.slice("language-".length) ?? "";
  const texts = (code?.children ?? []) as { value?: string }[];
  const text = texts.map(({ value }) => value ?? "").join("");
  return <CodeBlock language={language} code={text.replace(/\n$/, "")} closed={closed} />;
}

const Table = ({ children }: { children?: ReactNode }) => (
  // biome-ignore lint/a11y: a scrolled box must be reachable by keyboard and is no landmark
  <div className={styles.table} role="group" aria-label="Table" tabIndex={0}>
    <table>{children}</table>
  </div>
);

const Checkbox = ({ checked }: { checked?: boolean | undefined }) => {
  const Icon = checked ? SquareCheck : Square;
  return <Icon size={16} strokeWidth={1.75} role="img" aria-label={checked ? "Done:" : "Open:"} />;
};

export const elements: Components = { a: Link, img: Image, pre: Pre, table: Table, input: Checkbox } as Components;
