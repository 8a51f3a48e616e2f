/** `router.route`: each target waits for the router and runs when its pattern fits (workflow-language contract 6.7). */
import * as v from "valibot";
import type { Findings } from "./assemble.ts";
import { validateExpected } from "./condition.ts";
import type { Path } from "./document.ts";
import type { PlacedStep, Targets } from "./identity.ts";
import { isMapping } from "./json.ts";
import { complain, fields, text, texts } from "./schema/fields.ts";
import type { Step } from "./workflow.ts";

const routerWith = fields({
  value: text,
  routes: v.pipe(
    v.custom<Record<string, unknown>>(isMapping, complain("routes must be a mapping of patterns to steps")),
    v.record(v.string(), texts),
    v.check((routes) => Object.keys(routes).length > 0, complain("routes must not be empty")),
  ),
}, { of: "with of router.route" });

/** A handler has no steps beside it. */
export function refuseRouting(
  { action }: Pick<PlacedStep["step"], "action">,
  place: string,
  path: Path,
  findings: Findings,
): boolean {
  if (action?.trim() !== "router.route") return false;
  const message = `router.route has nothing to route to in ${place}`;
  findings.report([...path, "action"], message, "use it in a step: it routes to steps of the workflow");
  return true;
}

interface Route {
  readonly router: string;
  readonly value: string;
  readonly pattern: string;
}

export function injectRoutes(
  steps: readonly Step[],
  placed: readonly PlacedStep[],
  targets: Targets,
  isChain: boolean,
  findings: Findings,
): readonly Step[] {
  const routes = new Map<string, Route>();
  placed.forEach(({ step, path }, index) => {
    if (step.action?.trim() !== "router.route") return;
    if (isChain) {
      findings.report([...path, "action"], "router.route is not allowed in type: chain", "use type: graph");
    }
    const parsed = v.safeParse(routerWith, step.with ?? {});
    if (!parsed.success) {
      findings.fromIssues([...path, "with"], parsed.issues);
      return;
    }
    const { value } = parsed.output;
    for (const [pattern, names] of Object.entries(parsed.output.routes)) {
      const at = [...path, "with", "routes", pattern];
      const broken = validateExpected(pattern);
      if (broken !== null) findings.report(at, broken, "write text, or re: and a pattern");
      addRoutes(routes, names, { router: steps[index]?.name ?? "", value, pattern }, targets, at, findings);
    }
  });
  return routes.size === 0 ? steps : steps.map((step) => inject(step, routes.get(step.name)));
}

function addRoutes(
  routes: Map<string, Route>,
  names: readonly string[],
  route: Route,
  targets: Targets,
  path: Path,
  findings: Findings,
): void {
  names.forEach((entry, index) => {
    const name = targets.nameOf(entry);
    if (name === undefined || name === route.router) {
      findings.report(
        [...path, index],
        `route references non-existent step "${entry}"`,
        `steps of this workflow: ${targets.known}`,
      );
    } else if (routes.has(name)) {
      findings.report(
        [...path, index],
        `step "${name}" is targeted by multiple routes`,
        "one route for each step",
      );
    } else routes.set(name, route);
  });
}

function inject(step: Step, route: Route | undefined): Step {
  if (route === undefined) return step;
  return {
    ...step,
    depends: [...new Set([...step.depends, route.router])],
    preconditions: [
      { kind: "match", condition: route.value, expected: route.pattern, negate: false, router: route.router },
      ...step.preconditions,
    ],
    continueOn: { ...step.continueOn, skipped: true },
  };
}
