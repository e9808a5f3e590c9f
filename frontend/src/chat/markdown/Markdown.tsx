import { memo, useRef } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import remend from "remend";
import { type Blocks, hasDefinitions, isClosed, NO_BLOCKS, splitBlocks } from "./blocks";
import { Closed, elements } from "./elements";
import styles from "./markdown.module.css";

const PLUGINS = [remarkGfm];
const keepAddress = (address: string) => address;

/** Markdown that may still be growing: only its last blocks are drawn again. */
export function Markdown({ text, growing }: { text: string; growing: boolean }) {
  const before = useRef<Blocks>(NO_BLOCKS);
  const whole = !growing && hasDefinitions(text);
  const blocks = whole ? [text] : grown(before, text);
  return (
    <div className={styles.prose}>
      {blocks.map((block, index) => (
        <Block
          // biome-ignore lint/suspicious/noArrayIndexKey: blocks are only appended
          key={index}
          text={growing && index === blocks.length - 1 ? remend(block) : block}
          closed={!growing || index < blocks.length - 1 || isClosed(block)}
        />
      ))}
    </div>
  );
}

function grown(before: { current: Blocks }, text: string): string[] {
  before.current = splitBlocks(before.current, text);
  return [...before.current.settled, ...before.current.tail];
}

const Block = memo(function Block({ text, closed }: { text: string; closed: boolean }) {
  return (
    <Closed value={closed}>
      <ReactMarkdown remarkPlugins={PLUGINS} components={elements} urlTransform={keepAddress}>
        {text}
      </ReactMarkdown>
    </Closed>
  );
});
