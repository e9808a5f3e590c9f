import type { ElementContent, RootContent } from "hast";
import { WrapText } from "lucide-react";
import { Fragment, type ReactNode, useEffect, useState } from "react";
import { CopyButton } from "../../ui/CopyButton";
import { classes } from "../../ui/classes";
import { useDisclosure } from "../../ui/disclosure";
import ui from "../../ui/ui.module.css";
import type { Tree } from "./highlight";
import styles from "./markdown.module.css";

const LONGEST_COLOURED = 60_000;

export function CodeBlock({ language, code, closed }: { language: string; code: string; closed: boolean }) {
  const [wrapped, toggleWrap] = useDisclosure("wrap code");
  const tree = useHighlight(language, code, closed);
  return (
    <figure className={styles.code}>
      <figcaption>
        <span>{language || "text"}</span>
        <button
          type="button"
          className={classes(ui.iconButton, ui.small)}
          aria-pressed={wrapped}
          onClick={toggleWrap}
          title="Wrap long lines"
        >
          <WrapText size={14} strokeWidth={1.75} aria-hidden />
          <span className={ui.hidden}>Wrap long lines</span>
        </button>
        <CopyButton text={() => code} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard */}
      <pre className={classes(wrapped && styles.wrapped)} tabIndex={0}>
        <code>{tree ? toNodes(tree.children) : code}</code>
      </pre>
    </figure>
  );
}

function useHighlight(language: string, code: string, closed: boolean): Tree | null {
  const [tree, setTree] = useState<Tree | null>(null);
  useEffect(() => {
    if (!closed || language === "" || code.length > LONGEST_COLOURED) return setTree(null);
    let wanted = true;
    void import("./highlight").then(({ highlight }) => wanted && setTree(highlight(language, code)));
    return () => {
      wanted = false;
    };
  }, [language, code, closed]);
  return tree;
}

const toNodes = (children: (RootContent | ElementContent)[]): ReactNode[] =>
  children.map((child, index) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: the tree of one text never reorders
    if (child.type === "text") return <Fragment key={index}>{child.value}</Fragment>;
    if (child.type !== "element") return null;
    const names = child.properties.className;
    return (
      // biome-ignore lint/suspicious/noArrayIndexKey: the tree of one text never reorders
      <span key={index} className={Array.isArray(names) ? names.join(" ") : ""}>
        {toNodes(child.children)}
      </span>
    );
  });
