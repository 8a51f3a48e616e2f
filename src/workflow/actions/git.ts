/** `git.*`: repositories and working trees on the runner's machine (workflow-language contract 6.4, V-56). */
import * as v from "valibot";
import { complain, fields, isScalarValue, kindOf } from "../schema/fields.ts";
import { bool, defineAction, filled, wholeNumber } from "./definition.ts";

const off = v.optional(bool, false);

/** Text, trimmed; what a reference left empty counts as not given. */
const maybe = v.optional(
  v.pipe(
    v.custom<string | number | boolean>(
      isScalarValue,
      (issue) => complain(`must be a string, got ${kindOf(issue.input)}`),
    ),
    v.transform((value) => String(value).trim() || null),
  ),
  "",
);

export const gitCheckout = defineAction(
  fields({
    repository: filled,
    path: filled,
    ref: maybe,
    depth: v.optional(wholeNumber(0), 0),
    force: off,
    token: maybe,
    username: maybe,
    password: maybe,
    ssh_key_path: maybe,
    ssh_passphrase: maybe,
  }, { of: "with of git.checkout" }),
);

export const gitWorktreeAdd = defineAction(
  fields({ branch: maybe, path: maybe, create_branch: off, base: maybe }, { of: "with of git.worktree.add" }),
  { outputs: ["path", "branch", "commit", "worktree_created", "branch_created"] },
);

export const gitWorktreeRemove = defineAction(
  v.pipe(
    fields({ branch: maybe, path: maybe, force: off, delete_branch: off, force_delete_branch: off }, {
      of: "with of git.worktree.remove",
    }),
    v.check(
      ({ branch, path }) => branch !== null || path !== null,
      complain(
        "git.worktree.remove needs branch or path",
        "name the branch or the folder of the working tree",
      ),
    ),
    v.check(
      (given) => given.delete_branch || !given.force_delete_branch,
      complain("force_delete_branch requires delete_branch", "set delete_branch: true as well"),
    ),
  ),
  { outputs: ["path", "branch", "worktree_removed", "branch_deleted"] },
);
