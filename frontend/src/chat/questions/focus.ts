import { type RefObject, useEffect } from "react";

const TYPED_WITHIN_MS = 1200;
const LOOK_EVERY_MS = 200;
const GIVE_UP_MS = 6000;

let typedAt = 0;
if (typeof window !== "undefined")
  window.addEventListener(
    "keydown",
    () => {
      typedAt = Date.now();
    },
    true,
  );

/** Takes the focus to what may safely be pressed, but never from someone who types. Gives it back to the composer. */
export function useCalmFocus(target: RefObject<HTMLElement | null>, card: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const began = Date.now();
    const look = () => {
      if (Date.now() - began > GIVE_UP_MS) return clearInterval(timer);
      if (Date.now() - typedAt < TYPED_WITHIN_MS || !isIdle(document.activeElement)) return;
      clearInterval(timer);
      target.current?.focus({ preventScroll: true });
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    look();
    const box = card.current;
    const taken = target.current;
    taken?.addEventListener("keydown", passOn);
    return () => {
      clearInterval(timer);
      taken?.removeEventListener("keydown", passOn);
      if (box?.contains(document.activeElement)) setTimeout(backToComposer);
    };
  }, [target, card]);
}

/** Who begins to type just as the focus is taken meant the composer: there the letter goes. */
function passOn(event: KeyboardEvent): void {
  if (!(event.currentTarget instanceof HTMLButtonElement)) return;
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
  composer()?.focus({ preventScroll: true });
}

const composer = (): HTMLElement | null => document.querySelector<HTMLElement>("[data-composer]");

const isIdle = (at: Element | null): boolean =>
  at === null || at === document.body || (at instanceof HTMLTextAreaElement && at.value === "");

function backToComposer(): void {
  if (document.activeElement !== document.body && document.activeElement !== null) return;
  if (!matchMedia("(pointer: coarse)").matches) composer()?.focus({ preventScroll: true });
}
