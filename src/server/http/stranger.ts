/** With bytes that a run made, which a browser is to keep and not to show: they are nobody's page, and least of all ours (AU-26). */
export const AS_A_STRANGER = {
  "Content-Security-Policy": "sandbox; default-src 'none'",
  "X-Content-Type-Options": "nosniff",
} as const;
