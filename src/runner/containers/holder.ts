/** Whoever has the name that a container is to get (containers contract 3.2.1, 4.3, 5.2): looked at before anything is pulled. */
import { CONTAINER_NAME } from "../../workflow/container-name.ts";
import { type Inspected, inspectHolder, removeContainer } from "./api/container.ts";
import { isMissing } from "./api/error.ts";
import { describe, diagnose } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import { readMarks, type Role } from "./labels.ts";
import { shortId } from "./names.ts";
import { type Diagnosis, type Made, unmade } from "./outcome.ts";
import type { ContainerRequest } from "./spec.ts";

/** Removing what was seen is finished, whoever stops us. */
const UNSTOPPED = new AbortController().signal;

/**
 * null: the name is free. A step container of the same workflow is stepped aside for when it runs (its commands are executed
 * in it) and taken away when it has ended; anybody else's is left alone, and the name is taken (4.3.1).
 */
export async function findHolder(
  engine: Engine,
  { container, labels }: ContainerRequest,
  role: Role,
  signal: AbortSignal,
): Promise<Made<Inspected | null>> {
  const name = container.containerName;
  if (name === null) return FREE;
  // What a reference came to was not seen when the file was read, and each engine has words of its own for it.
  if (!CONTAINER_NAME.test(name)) {
    const message = `container name "${name}" is invalid`;
    const remedy = "use letters, digits, _ . -, beginning with a letter or digit";
    return unmade(describe(engine.runtime, { code: "SPEC_INVALID", message, remedy }, { name }));
  }
  const reply = await inspectHolder(engine.socket, name, signal);
  if (!reply.ok) {
    if (isMissing(reply.error)) return FREE;
    return { ok: false, error: diagnose(engine.runtime, reply.error, { name }, signal) };
  }
  const holder = reply.value;
  const isOurs = readMarks(holder.Config.Labels ?? null)?.workflow === labels.workflow;
  if (role !== "step" || !isOurs) return taken(engine, name, holder);
  if (holder.State.Running) return { ok: true, value: holder };
  const removed = await removeContainer(engine.socket, holder.Id, false, UNSTOPPED);
  return removed.ok || isMissing(removed.error) ? FREE : taken(engine, name, holder);
}

const FREE: Made<null> = { ok: true, value: null };

function taken(engine: Engine, name: string, { Id, State }: Inspected): { ok: false; error: Diagnosis } {
  const found = {
    code: "NAME_IN_USE",
    message: `container name "${name}" is taken by ${
      shortId(Id)
    }, which is ${State.Status} and was not touched`,
    remedy: "choose another name, or remove the other container",
  } as const;
  return { ok: false, error: { failure: describe(engine.runtime, found, { name }), exitCode: 1 } };
}
