/** OpenSSH's server on loopback, for one key of its own. `infra/dev/up` installs it. */
import { join } from "node:path";

export interface Sshd extends AsyncDisposable {
  readonly port: number;
  /** Of the private key that it lets in, as whatever user of the machine. */
  readonly key: string;
  /** A `known_hosts` file that has its host key. */
  readonly knownHosts: string;
  /** Who runs the tests. */
  readonly user: string;
  /** A fresh folder. */
  readonly folder: string;
}

const PROGRAM = "/usr/sbin/sshd";

export async function openSshd(port: number): Promise<Sshd> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-sshd-" });
  const path = (name: string): string => join(folder, name);
  for (const name of ["host", "client"]) {
    await command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(name));
  }
  await Deno.copyFile(path("client.pub"), path("authorized_keys"));
  // Whoever is to be let in reads it.
  await Deno.chmod(folder, 0o755);
  const [type, key] = (await Deno.readTextFile(path("host.pub"))).split(" ");
  await Deno.writeTextFile(path("known_hosts"), `[127.0.0.1]:${port} ${type} ${key}\n`);
  await Deno.writeTextFile(
    path("config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${path("host")}`,
      `AuthorizedKeysFile ${path("authorized_keys")}`,
      `PidFile ${path("pid")}`,
      "PermitRootLogin yes",
      "PasswordAuthentication no",
      // Lets in who has no password at all, such as the users of services.
      "UsePAM yes",
      "StrictModes no",
      "Subsystem sftp internal-sftp",
    ].join("\n"),
  );
  await Deno.mkdir("/run/sshd", { recursive: true });
  const child = new Deno.Command(PROGRAM, {
    args: ["-D", "-e", "-f", path("config")],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await answers(port);
  return {
    port,
    key: path("client"),
    knownHosts: path("known_hosts"),
    user: Deno.env.get("USER") ?? "root",
    folder,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function command(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const connection = await Deno.connect({ port, hostname: "127.0.0.1" }).catch(() => null);
    connection?.close();
    if (connection !== null) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`sshd does not listen on ${port}`);
}
