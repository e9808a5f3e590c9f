import { expect, it } from "vitest";
import type { Approval } from "../../api/types";
import { decisionOf } from "./decision";
import { spelledOut } from "./oddities";

const approval = (answer: object | null): Approval => ({
  id: "q",
  kind: "approval",
  command: "rm",
  description: "",
  pattern_keys: [],
  choices: [],
  requested_at: 0,
  expires_at: null,
  smart_denied: false,
  tid: "",
  subagent: "",
  answer: answer && { by: "person", choice: "", text: "", reason: "", at: 0, ...answer },
});

it.each([
  [null, "Asks for permission"],
  [{ choice: "once" }, "Allowed once"],
  [{ choice: "session" }, "Allowed for this session"],
  [{ choice: "always" }, "Always allowed"],
  [{ choice: "deny" }, "Denied"],
  [{ choice: "deny", reason: "keep it" }, "Denied: keep it"],
  [{ by: "timeout", choice: "deny" }, "No answer in time: denied"],
  [{ by: "cancel", choice: "deny" }, "Stopped before an answer"],
  [{ by: "yolo", choice: "once" }, "Allowed, as everything in this session"],
])("%o is said as %s", (answer, words) => expect(decisionOf(approval(answer)).words).toBe(words));

it("leaves what is seen as it is, lines and tabs too", () => {
  expect(spelledOut("a\n\tb é 漢")).toEqual([{ text: "a\n\tb é 漢", odd: false }]);
  expect(spelledOut("a\u200bb").map(({ text }) => text)).toEqual(["a", "U+200B", "b"]);
});
