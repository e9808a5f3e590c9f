/** A tool's use in plain words: what the agent does or did, and to what. */
export type Topic = "command" | "read" | "edit" | "search" | "web" | "memory" | "plan" | "agent" | "image" | "other";

export interface Description {
  topic: Topic;
  doing: string;
  did: string;
  object: string;
}

type Args = Record<string, unknown>;
type Words = [topic: Topic, doing: string, did: string, object: (args: Args) => string];

const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);

const named =
  (...names: string[]) =>
  (args: Args): string =>
    text(names.map((name) => args[name]).find((value) => value !== undefined && value !== ""));

const nothing = () => "";

const WORDS: Record<string, Words> = {
  terminal: ["command", "Running", "Ran", named("command")],
  process: ["command", "Handling process", "Handled process", named("action")],
  execute_code: ["command", "Running code", "Ran code", (args) => firstLine(text(args.code))],
  read_terminal: ["command", "Reading the terminal", "Read the terminal", nothing],
  close_terminal: ["command", "Closing the terminal", "Closed the terminal", nothing],
  read_file: ["read", "Reading", "Read", named("path")],
  write_file: ["edit", "Writing", "Wrote", named("path")],
  patch: ["edit", "Editing", "Edited", (args) => named("path")(args) || patchedFile(text(args.patch))],
  search_files: ["search", "Searching", "Searched", named("pattern")],
  session_search: ["search", "Searching past sessions for", "Searched past sessions for", named("query")],
  web_search: ["web", "Searching the web for", "Searched the web for", named("query")],
  x_search: ["web", "Searching X for", "Searched X for", named("query")],
  web_extract: ["web", "Reading", "Read", (args) => list(args.urls)],
  browser_navigate: ["web", "Opening", "Opened", named("url")],
  browser_click: ["web", "Clicking", "Clicked", named("ref")],
  browser_type: ["web", "Typing", "Typed", named("text")],
  browser_snapshot: ["web", "Looking at the page", "Looked at the page", nothing],
  browser_scroll: ["web", "Scrolling", "Scrolled", named("direction")],
  memory: ["memory", "Updating memory", "Updated memory", named("content", "old_text")],
  todo: ["plan", "Updating the plan", "Updated the plan", (args) => counted(args.todos)],
  skill_view: ["read", "Reading skill", "Read skill", named("name")],
  skills_list: ["read", "Listing skills", "Listed skills", nothing],
  skill_manage: ["edit", "Editing skill", "Edited skill", named("name")],
  clarify: ["other", "Asking you", "Asked you", nothing],
  delegate_task: ["agent", "Delegating", "Delegated", named("goal")],
  vision_analyze: ["image", "Looking at", "Looked at", named("image_url", "image")],
  image_generate: ["image", "Drawing", "Drew", named("prompt")],
  cronjob: ["plan", "Scheduling", "Scheduled", named("name", "schedule", "action")],
  send_message: ["other", "Sending a message to", "Sent a message to", named("target")],
};

export function describe(name: string, args: Args): Description {
  const words = WORDS[name];
  if (words === undefined) {
    const plain = name
      .replace(/^mcp__/, "")
      .replaceAll("__", " · ")
      .replaceAll("_", " ");
    return { topic: "other", doing: `Using ${plain}`, did: `Used ${plain}`, object: firstText(args) };
  }
  const [topic, doing, did, object] = words;
  return { topic, doing, did, object: firstLine(object(args)) };
}

/** The arguments of a call, or none when their JSON was cut. */
export function readArgs(json: string): Args {
  try {
    const args: unknown = JSON.parse(json);
    return typeof args === "object" && args !== null ? (args as Args) : {};
  } catch {
    return {};
  }
}

const firstLine = (value: string): string => {
  const [first = "", ...rest] = value.trim().split("\n");
  return rest.length > 0 ? `${first} …` : first;
};

const firstText = (args: Args): string =>
  firstLine(text(Object.values(args).find((value) => typeof value === "string") ?? ""));

const patchedFile = (patch: string): string => /^\*\*\* (?:Update|Add|Delete) File: (.+)$/m.exec(patch)?.[1] ?? "";

const list = (value: unknown): string => (Array.isArray(value) ? value.map(text).join(", ") : text(value));

const counted = (value: unknown): string => (Array.isArray(value) ? `${value.length} items` : "");
