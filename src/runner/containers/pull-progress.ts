/** How far a pull is, from the lines of its stream (containers contract 6.1.6). */

/** What of a line is read. Podman and Docker write the same, Docker more of it. */
export interface ProgressLine {
  readonly status?: string | undefined;
  /** Of the layer; of the image's tag in the first line. */
  readonly id?: string | undefined;
  readonly progressDetail?:
    | { readonly current?: number | undefined; readonly total?: number | undefined }
    | undefined;
}

export interface PullProgress {
  add(line: ProgressLine): void;
  /** `2 of 5 layers, 12.3 MB of 40.1 MB`; "": no layer had to be fetched so far. */
  text(): string;
}

interface Layer {
  readonly bytes: number;
  /** 0: the engine has not said. */
  readonly total: number;
  readonly isThere: boolean;
}

export function newPullProgress(): PullProgress {
  const layers = new Map<string, Layer>();
  return {
    add: ({ status = "", id, progressDetail }) => {
      if (id === undefined || !LAYER_WORDS.test(status)) return;
      const known = layers.get(id) ?? { bytes: 0, total: 0, isThere: false };
      layers.set(id, {
        bytes: status === "Downloading" ? progressDetail?.current ?? known.bytes : known.bytes,
        total: status === "Downloading" ? progressDetail?.total ?? known.total : known.total,
        isThere: known.isThere || THERE_WORDS.test(status),
      });
    },
    text: () => describe([...layers.values()]),
  };
}

const LAYER_WORDS =
  /^(?:Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete)$/;
const THERE_WORDS = /^(?:Download complete|Extracting|Pull complete)$/;

function describe(layers: readonly Layer[]): string {
  if (layers.length === 0) return "";
  const there = layers.filter((layer) => layer.isThere).length;
  const count = `${there} of ${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  const total = layers.reduce((sum, layer) => sum + layer.total, 0);
  if (total === 0) return count;
  // The last bytes of a layer are not always told.
  const bytes = layers.reduce((sum, layer) => sum + (layer.isThere ? layer.total : layer.bytes), 0);
  return `${count}, ${megabytes(bytes)} of ${megabytes(total)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
