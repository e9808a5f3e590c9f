import { create } from "zustand";

export type Theme = "system" | "light" | "dark";

const THEME = "propylon.theme";
const PANE = "propylon.pane";

interface Preferences {
  theme: Theme;
  pane: boolean;
}

export const usePreferences = create<Preferences>(() => ({
  theme: (read(THEME) as Theme | null) ?? "system",
  pane: read(PANE) !== "closed",
}));

export function setTheme(theme: Theme): void {
  usePreferences.setState({ theme });
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  write(THEME, theme);
}

export function setPane(pane: boolean): void {
  usePreferences.setState({ pane });
  write(PANE, pane ? "open" : "closed");
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage is forbidden: the choice lives as long as the page.
  }
}
