import { expect, it } from "vitest";
import { nextSentences } from "./sentences";

it("says whole sentences once", () => {
  const first = nextSentences("One. Two is not", 0);
  expect(first).toEqual({ upTo: 4, say: "One." });
  expect(nextSentences("One. Two is not over.", first.upTo).say).toBe("");
  expect(nextSentences("One. Two is not over. Th", first.upTo).say).toBe("Two is not over.");
});
