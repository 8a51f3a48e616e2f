/** What workflows, runs and steps may be called. */

/** 1 to 64 of letters, digits, `_`, `-`. `latest` is an alias in read paths, never an id (ID-02). */
export function isRunId(text: string): boolean {
  return /^[-\w]{1,64}$/.test(text) && text !== "latest";
}

/** 1 to 40 of letters, digits, `_`, `.`, `-`; not `.` or `..` (ID-01). */
export function isWorkflowName(text: string): boolean {
  return /^[\w.-]{1,40}$/.test(text) && text !== "." && text !== "..";
}

export function tellNoWorkflowName(text: string): string {
  return `"${text}" is no workflow name: 1 to 40 of letters, digits, _ . -`;
}

/** No environment variable and no text of the database holds anything else. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
