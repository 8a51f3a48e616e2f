import type { Connection } from "../server/http/sender.ts";

/** A control plane in this process, as the commands and the runner beside it use it. */
export interface LocalPlane extends AsyncDisposable {
  /** Without any socket between (DESIGN 3.4); where there is one, with what the host knows of it. */
  fetch(request: Request, connection?: Connection): Promise<Response>;
  /** A token with which the runner of this process may register, once. */
  admission(): Promise<string>;
}

/** Not an address: requests to it go to the control plane in this process. */
export const IN_PROCESS_URL = "http://localhost";
