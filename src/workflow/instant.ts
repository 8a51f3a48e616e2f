/**
 * RFC 3339, in epoch milliseconds; null: it is none. Of a day and an hour that there are: `Date.parse` alone takes the 31st of
 * February for the 3rd of March, and 24:00 for the day after.
 */
export function readInstant(text: string): number | null {
  const [, year, month, day] =
    /^(\d{4})-(\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.exec(text) ??
      [];
  const time = Date.parse(text.toUpperCase());
  return Number.isNaN(time) || !isDay(Number(year), Number(month), Number(day)) ? null : time;
}

export function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}
