/** `registry_auths` of a workflow (containers contract 6.5). What it holds is never quoted in a message. */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import type { RegistryAuths, RegistryLogin } from "../workflow.ts";
import { complain, fields, text } from "./fields.ts";

const account = v.pipe(
  fields({ username: v.optional(text), password: v.optional(text), auth: v.optional(text) }, {
    of: "registry_auths entry",
  }),
  v.check(
    (given) => given.auth !== undefined || (given.username !== undefined && given.password !== undefined),
    complain("a registry_auths entry needs username and password, or auth"),
  ),
  v.transform((given): RegistryLogin => ({
    username: given.username ?? "",
    password: given.password ?? "",
    auth: given.auth ?? "",
  })),
);

const login: v.GenericSchema<unknown, RegistryLogin> = v.lazy((input) =>
  isMapping(input)
    ? account
    : v.string(complain("a registry_auths entry must be a string or a mapping with username and password"))
);

/** Registry host -> login, or one Docker config JSON as text. */
export const registryAuths: v.GenericSchema<unknown, RegistryAuths> = v.lazy((input) =>
  isMapping(input)
    ? v.pipe(
      v.record(v.pipe(v.string(), v.trim(), v.nonEmpty(complain("registry must not be blank"))), login),
      v.transform((logins): RegistryAuths => ({ kind: "hosts", logins })),
    )
    : v.pipe(
      v.string(complain("registry_auths must be a mapping or a JSON string")),
      v.transform((given): RegistryAuths => ({ kind: "config", text: given })),
    )
);
