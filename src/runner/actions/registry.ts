/** What a step can do. A name of the language without a deed does not compile. Named actions are loaded when they are used. */
import { failedWith } from "../../run/outcome.ts";
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import type { NamedAction, With } from "../../workflow/actions/names.ts";
import { container } from "./container.ts";
import { type Deed, runDeed } from "./deed.ts";
import { dockerRun } from "./docker-run.ts";
import { harnessRun } from "./harness-run.ts";
import { stepDir } from "./host.ts";
import { REDIS_DEEDS } from "./redis-deeds.ts";
import { run } from "./run.ts";
import type { Work } from "./work.ts";

const DEEDS: { readonly [N in NamedAction]: () => Promise<Deed<N>> } = {
  "archive.create": async () => (await import("./archive.ts")).archiveCreate,
  "archive.extract": async () => (await import("./archive.ts")).archiveExtract,
  "archive.list": async () => (await import("./archive.ts")).archiveList,
  "artifact.list": async () => (await import("./artifact.ts")).artifactList,
  "artifact.read": async () => (await import("./artifact.ts")).artifactRead,
  "artifact.write": async () => (await import("./artifact.ts")).artifactWrite,
  "chat.completion": async () => (await import("./chat.ts")).chatCompletion,
  "data.convert": async () => (await import("./data.ts")).dataConvert,
  "data.pick": async () => (await import("./data.ts")).dataPick,
  "exec": async () => (await import("./basic.ts")).exec,
  "file.copy": async () => (await import("./file.ts")).fileCopy,
  "file.delete": async () => (await import("./file.ts")).fileDelete,
  "file.list": async () => (await import("./file.ts")).fileList,
  "file.mkdir": async () => (await import("./file.ts")).fileMkdir,
  "file.move": async () => (await import("./file.ts")).fileMove,
  "file.read": async () => (await import("./file.ts")).fileRead,
  "file.stat": async () => (await import("./file.ts")).fileStat,
  "file.write": async () => (await import("./file.ts")).fileWrite,
  "git.checkout": async () => (await import("./git.ts")).gitCheckout,
  "git.worktree.add": async () => (await import("./git.ts")).gitWorktreeAdd,
  "git.worktree.remove": async () => (await import("./git.ts")).gitWorktreeRemove,
  "http.request": async () => (await import("./http.ts")).httpRequest,
  "jq.filter": async () => (await import("./jq.ts")).jqFilter,
  "log.write": async () => (await import("./basic.ts")).logWrite,
  "mail.send": async () => (await import("./mail.ts")).mailSend,
  "noop": async () => (await import("./basic.ts")).noop,
  "outputs.write": async () => (await import("./basic.ts")).outputsWrite,
  "postgres.import": async () => (await import("./postgres.ts")).postgresImport,
  "postgres.query": async () => (await import("./postgres.ts")).postgresQuery,
  ...REDIS_DEEDS,
  "s3.delete": async () => (await import("./s3.ts")).s3Delete,
  "s3.download": async () => (await import("./s3.ts")).s3Download,
  "s3.list": async () => (await import("./s3.ts")).s3List,
  "s3.upload": async () => (await import("./s3.ts")).s3Upload,
  "sftp.download": async () => (await import("./sftp.ts")).sftpDownload,
  "sftp.upload": async () => (await import("./sftp.ts")).sftpUpload,
  "sqlite.import": async () => (await import("./sqlite.ts")).sqliteImport,
  "sqlite.query": async () => (await import("./sqlite.ts")).sqliteQuery,
  "ssh.run": async () => (await import("./ssh.ts")).sshRun,
  "state.delete": async () => (await import("./state.ts")).stateDelete,
  "state.diff": async () => (await import("./state.ts")).stateDiff,
  "state.get": async () => (await import("./state.ts")).stateGet,
  "state.list": async () => (await import("./state.ts")).stateList,
  "state.set": async () => (await import("./state.ts")).stateSet,
  "template.render": async () => (await import("./template.ts")).templateRender,
  "wait.duration": async () => (await import("./wait.ts")).waitDuration,
  "wait.file": async () => (await import("./wait.ts")).waitFile,
  "wait.http": async () => (await import("./wait.ts")).waitHttp,
  "wait.until": async () => (await import("./wait.ts")).waitUntil,
};

export async function perform(action: ResolvedAction, work: Work): Promise<Outcome> {
  const refused = work.attempt.policy.step(action.name, work.call.place) ??
    await work.attempt.policy.path(stepDir(work));
  return refused === null ? await performAllowed(action, work) : failedWith(refused);
}

function performAllowed(action: ResolvedAction, work: Work): Promise<Outcome> {
  switch (action.name) {
    case "run":
      return run(action, work);
    case "container":
      return container(action, work);
    case "docker.run":
      return dockerRun(action, work);
    case "harness.run":
      return harnessRun(action, work);
    default:
      return performNamed(action.name, action.with, work);
  }
}

function performNamed<N extends NamedAction>(name: N, given: With<N>, work: Work): Promise<Outcome> {
  return runDeed(name, given, work, DEEDS[name]);
}
