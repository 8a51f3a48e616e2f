/** What a checker is told, beside the rows: what was promised to whom, and how the world really is. */
export interface Truth {
  /** Wall clock of the control plane, epoch ms. */
  wallMs: number;
  /** True time. */
  nowMs: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** After so long at the latest a runner that waits for work asks anew. */
  readonly claimWaitMs: number;
  /** Within so long every sweep has been there twice. */
  readonly sweepsMs: number;
  /** Time that leases were given beyond their length, because the control plane was away or its clock was set. */
  forgivenMs: number;
  /** True time at which a fault last began or ended. */
  disturbedAt: number;
  /** Highest acknowledged event by attempt: somebody may have been told so. */
  readonly acknowledged: Map<string, number>;
  /** True time at which the runner of an attempt was last told that it holds its lease. */
  readonly renewedAt: Map<string, number>;
  /** Attempts that their runner let go, since it broke over them or its lease was over: it names them no more. */
  readonly dropped: Set<string>;
  /** Runs that somebody was told of. */
  readonly promised: Set<string>;
  /** By claim: how many runs its runner had room for. */
  readonly asked: Map<string, number>;
  /** Attempts that were answered with the value of a secret. */
  readonly given: Set<string>;
  /** By id of the runner: since when it could take work. Whoever is not up, or is cut off, is not here. */
  ready: ReadonlyMap<string, Ready>;
}

export interface Ready {
  readonly since: number;
  readonly capacity: number;
  /** Cores that it offers; null: it does not count them. */
  readonly cpu: number | null;
}
