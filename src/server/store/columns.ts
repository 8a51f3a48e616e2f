/** Kinds of columns that every table shares. */
import { customType, timestamp } from "drizzle-orm/pg-core";

/** Bytes; both drivers take and give Uint8Array. */
export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => "bytea",
});

export const at = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });
