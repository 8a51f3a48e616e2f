/** The closed list of actions whose `with` a schema describes; `run`, `docker.run` and `harness.run` have rooms of their own. */
import type * as v from "valibot";
import { archiveCreate, archiveExtract, archiveList } from "./archive.ts";
import { artifactList, artifactRead, artifactWrite } from "./artifact.ts";
import { exec, logWrite, noop, outputsWrite } from "./basic.ts";
import { chatCompletion } from "./chat.ts";
import { dataConvert, dataPick, jqFilter } from "./data.ts";
import {
  fileCopy,
  fileDelete,
  fileList,
  fileMkdir,
  fileMove,
  fileRead,
  fileStat,
  fileWrite,
} from "./file.ts";
import { gitCheckout, gitWorktreeAdd, gitWorktreeRemove } from "./git.ts";
import { httpRequest } from "./http.ts";
import { mailSend } from "./mail.ts";
import { REDIS_ACTIONS } from "./redis.ts";
import { s3Delete, s3Download, s3List, s3Upload } from "./s3.ts";
import { postgresImport, postgresQuery, sqliteImport, sqliteQuery } from "./sql.ts";
import { sftpDownload, sftpUpload, sshRun } from "./ssh.ts";
import { stateDelete, stateDiff, stateGet, stateList, stateSet } from "./state.ts";
import { templateRender } from "./template.ts";
import { waitDuration, waitFile, waitHttp, waitUntil } from "./wait.ts";

export const NAMED_ACTIONS = {
  "archive.create": archiveCreate,
  "archive.extract": archiveExtract,
  "archive.list": archiveList,
  "artifact.list": artifactList,
  "artifact.read": artifactRead,
  "artifact.write": artifactWrite,
  "chat.completion": chatCompletion,
  "data.convert": dataConvert,
  "data.pick": dataPick,
  "exec": exec,
  "file.copy": fileCopy,
  "file.delete": fileDelete,
  "file.list": fileList,
  "file.mkdir": fileMkdir,
  "file.move": fileMove,
  "file.read": fileRead,
  "file.stat": fileStat,
  "file.write": fileWrite,
  "git.checkout": gitCheckout,
  "git.worktree.add": gitWorktreeAdd,
  "git.worktree.remove": gitWorktreeRemove,
  "http.request": httpRequest,
  "jq.filter": jqFilter,
  "log.write": logWrite,
  "mail.send": mailSend,
  "noop": noop,
  "outputs.write": outputsWrite,
  "postgres.import": postgresImport,
  "postgres.query": postgresQuery,
  ...REDIS_ACTIONS,
  "s3.delete": s3Delete,
  "s3.download": s3Download,
  "s3.list": s3List,
  "s3.upload": s3Upload,
  "sftp.download": sftpDownload,
  "sftp.upload": sftpUpload,
  "sqlite.import": sqliteImport,
  "sqlite.query": sqliteQuery,
  "ssh.run": sshRun,
  "state.delete": stateDelete,
  "state.diff": stateDiff,
  "state.get": stateGet,
  "state.list": stateList,
  "state.set": stateSet,
  "template.render": templateRender,
  "wait.duration": waitDuration,
  "wait.file": waitFile,
  "wait.http": waitHttp,
  "wait.until": waitUntil,
} as const;

export type NamedAction = keyof typeof NAMED_ACTIONS;

/** What an action is given: its checked `with`. */
export type With<N extends NamedAction> = v.InferOutput<(typeof NAMED_ACTIONS)[N]["with"]>;

/** One call of a named action, references resolved and `with` checked. */
export type NamedCall = {
  readonly [N in NamedAction]: { readonly name: N; readonly with: With<N> };
}[NamedAction];

export function isNamedAction(name: string): name is NamedAction {
  return Object.hasOwn(NAMED_ACTIONS, name);
}
