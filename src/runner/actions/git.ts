/** `git.*`. */
export { gitCheckout } from "./git-checkout.ts";
export { gitWorktreeAdd, gitWorktreeRemove } from "./git-worktree.ts";
