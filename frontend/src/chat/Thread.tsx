import { ArrowDown } from "lucide-react";
import { useEffect, useLayoutEffect, useMemo, useRef } from "react";
import { Virtualizer } from "virtua";
import type { UserRow } from "../api/types";
import { loadOlder } from "../live/thread";
import { useThread } from "../live/thread-store";
import { classes } from "../ui/classes";
import ui from "../ui/ui.module.css";
import { Answer } from "./Answer";
import styles from "./chat.module.css";
import { LifeLine } from "./LifeLine";
import { useReaderAway } from "./reader";
import { answerKey, type Item, toItems, toParts } from "./turns";
import { UserMessage } from "./UserMessage";
import { useStickToBottom } from "./useStickToBottom";

const BUFFER_PX = 800;
const LOAD_OLDER_BELOW_PX = 600;

export function Thread() {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { away, toBottom } = useStickToBottom(scroller, content);
  const sending = useThread((state) => state.sending);
  const running = useThread((state) => state.live !== null);
  const { old, tail } = useItems();
  useReaderAway(away);
  const shift = usePrepended(old);
  const onScroll = (offset: number) => {
    if (offset < LOAD_OLDER_BELOW_PX) void loadOlder();
  };
  useOlderWhileShort(scroller, content);

  useEffect(() => {
    if (sending !== null) toBottom();
  }, [sending, toBottom]);

  return (
    <div className={styles.threadFrame}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the thread scrolls by keyboard */}
      <div ref={scroller} className={styles.scroller} role="log" aria-label="Conversation" aria-live="off" tabIndex={0}>
        <div ref={content} className={styles.column}>
          <Virtualizer data={old} scrollRef={scroller} bufferSize={BUFFER_PX} shift={shift} onScroll={onScroll}>
            {(item) => <ItemView key={item.key} item={item} />}
          </Virtualizer>
          <Tail items={tail} />
          {sending !== null ? <UserMessage text={sending} sending /> : null}
          <div className={styles.foot}>{running ? <LifeLine /> : null}</div>
        </div>
      </div>
      {away ? (
        <button type="button" className={classes(ui.button, styles.jump)} onClick={toBottom}>
          <ArrowDown size={16} strokeWidth={1.75} aria-hidden />
          Jump to latest
        </button>
      ) : null}
    </div>
  );
}

/** Settled items; the last exchange is kept out of the virtual list, so its rows stay where they are when a run ends. */
function useItems(): { old: Item[]; tail: Item[] } {
  const rows = useThread((state) => state.rows);
  const sending = useThread((state) => state.sending !== null);
  return useMemo(() => {
    const items = toItems(rows);
    const last = items.findLastIndex((item) => item.kind === "message");
    const cut = sending ? items.length : Math.max(0, last);
    return { old: items.slice(0, cut), tail: items.slice(cut) };
  }, [rows, sending]);
}

/** True for the render in which older items come before those that were there. */
function usePrepended(items: Item[]): boolean {
  const before = useRef<Item[]>(items);
  const first = before.current[0];
  const prepended = first !== undefined && items[0]?.key !== first.key && items.some(({ key }) => key === first.key);
  useLayoutEffect(() => {
    before.current = items;
  });
  return prepended;
}

function useOlderWhileShort(
  scroller: React.RefObject<HTMLElement | null>,
  content: React.RefObject<HTMLElement | null>,
): void {
  const offset = useThread((state) => state.offset);
  const loading = useThread((state) => state.loadingOlder);
  useEffect(() => {
    if (offset === 0 || loading || !scroller.current || !content.current) return;
    if (content.current.offsetHeight < scroller.current.clientHeight) void loadOlder();
  }, [offset, loading, scroller, content]);
}

const NONE: readonly string[] = [];

/** The last exchange, live or not: the same elements before and after the end of a run. */
function Tail({ items }: { items: readonly Item[] }) {
  const live = useThread((state) => state.live);
  const growing: Item | null = live && {
    kind: "answer",
    key: answerKey(live.run),
    parts: toParts(live.state.rows),
    last: "",
  };
  const shown = growing ? [...items.filter(({ key }) => key !== growing.key), growing] : items;
  const asked = shown.findLast((item) => item.kind === "message")?.row;
  return shown.map((item) => (
    <ItemView
      key={item.key}
      item={item}
      live={item === growing}
      asked={item === shown.at(-1) ? asked : undefined}
      pending={live?.state.pending ?? NONE}
    />
  ));
}

interface ItemViewProps {
  item: Item;
  live?: boolean;
  asked?: UserRow | undefined;
  pending?: readonly string[];
}

function ItemView({ item, live = false, asked, pending = NONE }: ItemViewProps) {
  return item.kind === "message" ? (
    <UserMessage id={item.row.message_id} text={item.row.content} at={item.row.timestamp} />
  ) : (
    <Answer parts={item.parts} live={live} pending={live ? pending : NONE} id={item.last} asked={asked} />
  );
}
