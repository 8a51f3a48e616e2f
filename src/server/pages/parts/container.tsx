import type { FC } from "hono/jsx";
import type { ContainerFacts } from "../../../run/event.ts";

export const Container: FC<{ facts: ContainerFacts }> = ({ facts }) => (
  <span class="muted" title={facts.digest}>
    {`${facts.image}${digestOf(facts)} in ${facts.id} on ${facts.engine} (${facts.address})`}
  </span>
);

/** As much as tells two images apart; the whole is in the title. */
function digestOf({ image, digest }: ContainerFacts): string {
  return digest === "" || image.includes(digest) ? "" : ` (${digest.slice(0, 19)})`;
}
