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
}

export interface SessionPage {
  sessions: SessionRow[];
  next_cursor: string | null;
  server_time: number;
}

export interface SessionDetail extends SessionRow {
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
  agent: { state: "ready" | "starting" | "failed"; version: string | null; error: string | null };
}

export interface SessionsChanged {
  reason: "created" | "run_started" | "run_finished" | "updated";
  session_id?: string;
  active_stream_id?: string | null;
}
