import { createContext } from "react";

/** Goes to another session, without the chat knowing about addresses. */
export const OpenSession = createContext<(session: string) => void>(() => {});
