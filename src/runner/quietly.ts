/** null: it threw. For what fails as a rule: the stack of an exception, which nobody reads, takes most of its time. */
export function quietly<T>(work: () => T): T | null {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } catch {
    return null;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
