import { get, post } from "../api/client";

export type Scope = "read" | "chat" | "approve" | "manage";

export interface AuthStatus {
  auth_enabled: boolean;
  logged_in: boolean;
  password_from_environment: boolean;
}

export interface Login {
  id: string;
  kind: "browser" | "device";
  name: string;
  scopes: Scope[];
  created_at: number;
  seen_at: number;
  address: string;
  agent: string;
  current: boolean;
}

export const authStatus = (signal?: AbortSignal) => get<AuthStatus>("api/auth/status", signal);

export const readLogins = async (signal?: AbortSignal) =>
  (await get<{ logins: Login[] }>("api/auth/logins", signal)).logins;

export const revokeLogin = (id: string) => post<unknown>("api/auth/logins/revoke", { login_id: id });

export const logOut = () => post<unknown>("api/auth/logout", {});

export const logOutEverywhere = () => post<{ ended: number }>("api/auth/logout-everywhere", {});

export const setPassword = (next: string, current: string | null) =>
  post<unknown>("api/auth/password", { new: next, ...(current === null ? {} : { current }) });

export const addDevice = (name: string, scopes: Scope[]) =>
  post<{ token: string }>("api/auth/devices/new", { name, scopes });
