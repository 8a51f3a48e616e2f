/** What people are to be told of the conditions of a queued run (QU-20): what only sums the others up is left out. */
export function blockersIn(
  conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[],
): readonly string[] {
  return conditions.filter(({ type, status }) => type !== "Runnable" && status === "False")
    .map(({ message }) => message);
}
