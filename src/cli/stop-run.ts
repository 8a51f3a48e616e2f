/** Asks for the end of a run. What the handlers of one that waits have to do is done here, where no server does it. */
import * as v from "valibot";
import type { Context } from "./command.ts";
import type { Connection } from "./connect.ts";
import { runAndFollow, type RunName, type RunnerChoice } from "./own-runner.ts";
import { DetailsAnswer, runPath } from "./run-json.ts";

export async function stopRun(
  context: Context,
  connection: Connection,
  run: RunName,
  isForced: boolean,
): Promise<void> {
  const { api, plane } = connection;
  const post = async (choice: RunnerChoice | null): Promise<RunName> => {
    await api.post(`${runPath(run)}/stop`, { force: isForced, ...choice });
    return run;
  };
  const { dagRunDetails } = v.parse(DetailsAnswer, await api.get(runPath(run)));
  if (plane === null || dagRunDetails.statusLabel !== "waiting") await post(null);
  else await runAndFollow(context, connection, post, context.flags.has("quiet"));
}
