/** `ssh.run`, `sftp.upload`, `sftp.download` (workflow-language contract 6.5). */
import * as v from "valibot";
import { fields, text, texts } from "../schema/fields.ts";
import { bool, defineAction, filled, rootDefaults, seconds, wholeNumber } from "./definition.ts";

const PORT_MAX = 65_535;

/** Text, or a list of words. */
const words = v.pipe(
  v.unknown(),
  v.transform((value): unknown => typeof value === "string" ? value.trim().split(/\s+/) : value),
  texts,
);

const login = {
  user: v.optional(filled),
  host: v.optional(filled),
  port: v.optional(wholeNumber(1, PORT_MAX)),
  key: v.optional(text),
  password: v.optional(text),
};

/** Each may come from root `ssh` instead. */
const connection = {
  ...login,
  timeout: v.optional(seconds),
  strict_host_key: v.optional(bool),
  known_host_file: v.optional(text),
  shell: v.optional(words),
  bastion: v.optional(fields(login, { of: "bastion" })),
};

/** What a step's `with` and root `ssh` make together. */
export const sshSettings = v.object({
  ...connection,
  timeout: v.optional(seconds, 30),
  strict_host_key: v.optional(bool, true),
  shell: v.optional(words, []),
});

export type SshSettings = v.InferOutput<typeof sshSettings>;

export const rootSsh = rootDefaults(connection, "ssh");

export const sshRun = defineAction(
  fields({ command: filled, ...connection }, { of: "with of ssh.run" }),
);

const transfer = { source: filled, destination: filled, ...connection };
export const sftpUpload = defineAction(fields(transfer, { of: "with of sftp.upload" }));
export const sftpDownload = defineAction(fields(transfer, { of: "with of sftp.download" }));
