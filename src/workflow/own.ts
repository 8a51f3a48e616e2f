/**
 * What a record itself has under that key. Every object also answers to `constructor`, `toString` and the like, which people may
 * write wherever they choose a name.
 */
export function own<T>(values: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
