import { createContext } from "react";

/** Whether what is drawn belongs to the last exchange, which alone can be asked again. */
export const LastTurn = createContext(false);
