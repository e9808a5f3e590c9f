import type { SessionRow } from "../api/types";

export const sessionRow = (row: Partial<SessionRow> = {}): SessionRow => ({
  session_id: "s1",
  title: "Untitled",
  workspace: "/home/user/propylon",
  model: "demo",
  model_provider: "demo",
  message_count: 0,
  created_at: 0,
  updated_at: 0,
  last_message_at: null,
  pinned: false,
  archived: false,
  profile: "default",
  active_stream_id: null,
  is_streaming: false,
  has_pending_user_message: false,
  ...row,
});
