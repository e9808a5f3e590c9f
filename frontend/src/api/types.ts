/** What the server says, as it says it. */

export interface SessionRow {
  session_id: string;
  title: string;
  workspace: string;
  model: string;
  model_provider: string;
  message_count: number;
  created_at: number;
  updated_at: number;
  last_message_at: number | null;
  pinned: boolean;
  archived: boolean;
  profile: string;
  active_stream_id: string | null;
  is_streaming: boolean;
  has_pending_user_message: boolean;
  /** The agent waits for an answer of the person. */
  pending_question?: boolean;
  input_tokens?: number;
  output_tokens?: number;
  estimated_cost?: number;
}

export interface SessionPage {
  sessions: SessionRow[];
  next_cursor: string | null;
  server_time: number;
}

/** What is known of a session besides its row in the list. */
export interface SessionFacts extends SessionRow {
  context_length?: number;
  threshold_tokens?: number;
  last_prompt_tokens?: number;
  yolo_enabled?: boolean;
  /** What a person allowed for the rest of the session. */
  granted?: string[];
  /** Names the state of the conversation; a change of what was said needs it. */
  revision?: number | string;
  personality?: string | null;
  reasoning_effort?: string | null;
  parent_session_id?: string | null;
}

export interface SessionDetail extends SessionFacts {
  pending_user_message: string | null;
  pending_started_at: number | null;
  messages: Row[];
  _messages_offset: number;
  _messages_truncated: boolean;
}

export interface UserRow {
  message_id: string;
  run_id?: string;
  role: "user";
  content: string;
  timestamp?: number;
}

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export interface Notice {
  level: string;
  text: string;
}

export type Choice = "once" | "session" | "always" | "deny";

export interface QuestionAnswer {
  by: string;
  choice: string;
  text: string;
  reason: string;
  at: number;
}

interface Asked {
  id: string;
  /** Unix seconds; without `expires_at` it waits without end. */
  requested_at: number;
  expires_at: number | null;
  answer: QuestionAnswer | null;
}

export interface Approval extends Asked {
  kind: "approval";
  command: string;
  description: string;
  pattern_keys: string[];
  choices: string[];
  smart_denied: boolean;
  tid: string;
  subagent: string;
}

export interface Clarify extends Asked {
  kind: "clarify";
  question: string;
  choices: string[];
}

export type Question = Approval | Clarify;

export interface SubagentTool {
  name: string;
  preview: string;
}

export interface Subagent {
  id: string;
  parent: string;
  index: number;
  goal: string;
  model: string;
  status: string;
  started_at: number;
  /** The last ones; `tool_count` counts all. */
  tools: SubagentTool[];
  tool_count: number;
  duration?: number;
  summary?: string;
  input_tokens?: number;
  output_tokens?: number;
}

/** Tokens and cost of one run; the context figures are the state of the agent's window after it. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  reasoning_tokens: number;
  estimated_cost: number;
  context_length: number;
  threshold_tokens: number;
  last_prompt_tokens: number;
}

export interface RunError {
  type: string;
  label: string;
  message: string;
  hint: string;
  details?: string;
}

export interface AssistantRow {
  message_id: string;
  run_id?: string;
  role: "assistant";
  content: string;
  reasoning?: string;
  tool_calls?: ToolCall[];
  notices?: Notice[];
  questions?: Question[];
  timestamp?: number;
  _partial?: true;
  _error?: true;
  error?: RunError;
}

export interface ToolRow {
  message_id: string;
  run_id?: string;
  role: "tool";
  tool_call_id: string;
  name: string;
  content: string;
  is_error: boolean;
  duration: number;
  started_at: number;
  args_sizes?: Record<string, number>;
  content_size?: number;
  subagents?: Subagent[];
  interrupted?: true;
  timestamp?: number;
}

export type Row = UserRow | AssistantRow | ToolRow;
export type RunRow = AssistantRow | ToolRow;

export interface RunStarted {
  stream_id: string;
  session_id: string;
  message_id: string;
  pending_started_at: number;
  title: string;
}

export interface StreamStatus {
  active: boolean;
  stream_id: string | null;
  replay_available: boolean;
}

export interface ServerStatus {
  status: string;
  version: string;
  default_model: string;
  default_provider: string;
  default_workspace: string;
  demo: boolean;
  unprotected?: boolean;
  gateway_chat?: { enabled: boolean; api_key_configured: boolean };
  agent: { state: "ready" | "starting" | "failed"; version: string | null; error: string | null };
}

export interface Queued {
  id: string;
  text: string;
  created_at: number;
}

export interface Queue {
  queue: Queued[];
  /** Nothing starts by itself until the person says so. */
  paused: boolean;
}

export interface Personality {
  name: string;
  description: string;
}

/** `tools` is their number. */
export interface McpServer {
  name: string;
  transport: string;
  status: "connecting" | "connected" | "failed" | "disabled";
  tools: number;
  error: string;
}

export interface Branch {
  id: string;
  parent: string | null;
  fork: string | null;
  created_at: number;
  reason: string;
  message_count: number;
  preview: string;
  active: boolean;
}

export interface SessionsChanged {
  reason:
    | "created"
    | "run_started"
    | "run_finished"
    | "updated"
    | "question"
    | "queue"
    | "history"
    | "settings"
    | "title";
  session_id?: string;
  active_stream_id?: string | null;
}
