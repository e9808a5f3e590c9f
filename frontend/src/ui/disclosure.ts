import { create } from "zustand";

/** What the reader opened, by key: survives leaving the screen and the end of a run. */
const useDisclosures = create<Record<string, boolean>>(() => ({}));

export function useDisclosure(key: string, initially = false): [boolean, () => void] {
  const open = useDisclosures((state) => state[key] ?? initially);
  return [open, () => useDisclosures.setState({ [key]: !open })];
}
