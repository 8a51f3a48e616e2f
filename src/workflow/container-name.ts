/** Names of containers (containers contract 2.2, 2.3). */

export const CONTAINER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * Why no container that somebody runs can be called by it; null: one can. Nobody need wait for such a name, which often is
 * that of an image.
 */
export function refuseTarget(target: string): { readonly message: string; readonly remedy: string } | null {
  // Engines show names with a slash before them.
  if (CONTAINER_NAME.test(target.replace(/^\//, ""))) return null;
  const isImage = /^[a-z0-9][\w./@-]*[:/@][\w.:/@-]+$/.test(target);
  return {
    message: `${JSON.stringify(target.slice(0, 200))} is no container's name`,
    remedy: isImage
      ? `write image: ${target.slice(0, 200)} to create a container of that image`
      : "write the name or id of a running container: letters, digits, _ . -",
  };
}
