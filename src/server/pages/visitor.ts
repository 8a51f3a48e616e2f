import { createContext } from "hono/jsx";

/** Name of the token with which the person signed in, for the frame of a page; null: nobody had to. */
export const Visitor = createContext<string | null>(null);
