import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const NEAR_PX = 32;
const UPWARD_KEYS = new Set(["ArrowUp", "PageUp", "Home"]);

/** Keeps the end in sight until the reader scrolls up, and again once they return there. */
export function useStickToBottom(scroller: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>) {
  const following = useRef(true);
  const [away, setAway] = useState(false);

  const follow = useCallback((yes: boolean) => {
    following.current = yes;
    setAway(!yes);
  }, []);

  const toBottom = useCallback(() => {
    follow(true);
    const box = scroller.current;
    if (box) box.scrollTop = box.scrollHeight;
  }, [scroller, follow]);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && following.current) box.scrollTop = box.scrollHeight;
  });

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (!box || !inner) return;
    let top = box.scrollTop;
    let pressed = false;

    const leave = () => {
      if (box.scrollHeight > box.clientHeight) follow(false);
    };
    const onScroll = () => {
      const atEnd = box.scrollHeight - box.clientHeight - box.scrollTop < NEAR_PX;
      // Only a hand that drags the bar or a selection moves up by itself; else the browser did, because content shrank for a moment.
      if (atEnd && box.scrollTop >= top) follow(true);
      else if (pressed && box.scrollTop < top - 1) follow(false);
      top = box.scrollTop;
    };
    const onPress = () => {
      pressed = true;
    };
    const onRelease = () => {
      pressed = false;
    };
    const onWheel = (event: WheelEvent) => event.deltaY < 0 && leave();
    const onKey = (event: KeyboardEvent) => UPWARD_KEYS.has(event.key) && leave();
    let touch = 0;
    const onTouchStart = (event: TouchEvent) => {
      touch = event.touches[0]?.clientY ?? 0;
    };
    const onTouchMove = (event: TouchEvent) => (event.touches[0]?.clientY ?? 0) > touch + 4 && leave();

    const resized = new ResizeObserver(() => {
      if (following.current) box.scrollTop = box.scrollHeight;
    });
    resized.observe(inner);
    resized.observe(box);
    box.addEventListener("scroll", onScroll, { passive: true });
    box.addEventListener("pointerdown", onPress, { passive: true });
    window.addEventListener("pointerup", onRelease, { passive: true });
    window.addEventListener("pointercancel", onRelease, { passive: true });
    box.addEventListener("wheel", onWheel, { passive: true });
    box.addEventListener("keydown", onKey);
    box.addEventListener("touchstart", onTouchStart, { passive: true });
    box.addEventListener("touchmove", onTouchMove, { passive: true });
    return () => {
      resized.disconnect();
      box.removeEventListener("scroll", onScroll);
      box.removeEventListener("pointerdown", onPress);
      window.removeEventListener("pointerup", onRelease);
      window.removeEventListener("pointercancel", onRelease);
      box.removeEventListener("wheel", onWheel);
      box.removeEventListener("keydown", onKey);
      box.removeEventListener("touchstart", onTouchStart);
      box.removeEventListener("touchmove", onTouchMove);
    };
  }, [scroller, content, follow]);

  return { away, toBottom };
}
