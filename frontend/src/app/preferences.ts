import { create } from "zustand";
import { remember, remembered } from "../ui/local";

export type Theme = "system" | "light" | "dark";

const THEME = "propylon.theme";
const PANE = "propylon.pane";

interface Preferences {
  theme: Theme;
  pane: boolean;
}

export const usePreferences = create<Preferences>(() => ({
  theme: (remembered(THEME) as Theme | null) ?? "system",
  pane: remembered(PANE) !== "closed",
}));

export function setTheme(theme: Theme): void {
  usePreferences.setState({ theme });
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  remember(THEME, theme);
}

export function setPane(pane: boolean): void {
  usePreferences.setState({ pane });
  remember(PANE, pane ? "open" : "closed");
}
