import { describe, expect, it } from "vitest";
import { loginAddress, nextPath } from "./next";

const leadsTo = (wanted: string) => nextPath(`?next=${encodeURIComponent(wanted)}`, "");

describe("where a login leads", () => {
  it("is the page that was asked for, below any prefix", () => {
    const there = new URL(nextPath("?next=%2F", "#/s/abc"), "https://example.com/any/prefix/login");
    expect(there.href).toBe("https://example.com/any/prefix/#/s/abc");
    expect(leadsTo("/openapi.json")).toBe("./openapi.json");
    expect(nextPath("", "")).toBe("./");
  });

  it.each([
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "",
    "/a b",
    "/a\nb",
    `/${"a".repeat(2000)}`,
  ])("is never another site: %j", (wanted) => {
    expect(leadsTo(wanted)).toBe("./");
  });

  it("keeps the session that is open", () => {
    expect(loginAddress("#/s/abc")).toBe("login?next=%2F#/s/abc");
  });
});
